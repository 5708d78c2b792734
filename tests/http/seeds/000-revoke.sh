curl -X POST -d \
"client_id=test_client_id&client_secret=test_client_secret
&token=your_access_token" \https://app.squadrun.co/oauth/revoke_token/
