import requests

url = "https://app.squadrun.co/oauth/token/"
payload = {
  "client_id": "test_client_id", 
  "client_secret": "test_client_secret", 
  "token  ": "YOUR_TOKEN"
}

response = requests.post(url, payload)
response.json()
