curl --data \
"token=YOUR_TOKEN&client_id=test_client_id
&client_secret=test_client_secret" \
https://app.squadrun.co/oauth/revoke_token/
