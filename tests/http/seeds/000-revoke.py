import requests

url = "https://app.squadrun.co/oauth/revoke_token/"
payload = {
  "client_id": "test_client_id", 
  "client_secret": "test_client_secret", 
  "token": "your_access_token", 
}

response = requests.post(url, payload)
response.json()
