import requests

API_ENDPOINT = 'https://barapi.cloud/oauth/token'
CLIENT_ID = '332269999912132097'
CLIENT_SECRET = '937it3ow87i4ery69876wqire'
USERNAME = 'john@doe.com'
PASSWORD = 'mypassword123'

data = {
    'client_id': CLIENT_ID,
    'client_secret': CLIENT_SECRET,
    'grant_type': 'password',
    'username': USERNAME,
    'password': PASSWORD,
    'scope': ''
}

response = requests.post(url, data=data)

print(response.json())
