import requests

url = "https://app.squadrun.co/oauth/token/"
payload = {
  "grant_type": "refresh_token", 
  "client_id": "test_client_id", 
  "client_secret": "test_client_secret", 
  "refresh_token": "refresh_token_value", 
}

response = requests.post(url, payload)
response.json()
