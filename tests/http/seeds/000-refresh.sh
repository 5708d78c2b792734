curl -X POST -d \
"client_id=test_client_id&client_secret=test_client_secret
&grant_type=refresh_token&refresh_token=rfresh_token_value" \https://app.squadrun.co/oauth/token/
