from __future__ import print_function
import time
import endurosat_api
from endurosat_api.rest import ApiException
from pprint import pprint
# Defining the host is optional and defaults to https://api.ground-station.endurosat.com
# See configuration.py for a list of all supported configuration parameters.
configuration = endurosat_api.Configuration(
    host = "https://api.ground-station.endurosat.com"
)


# Enter a context with an instance of the API client
with endurosat_api.ApiClient() as api_client:
    # Create an instance of the API class
    api_instance = endurosat_api.AuthenticationApi(api_client)
    client_id = 'client_id_example' # str | App Client ID
grant_type = 'grant_type_example' # str | The oauth2 grant type
username = 'username_example' # str | Username - required for grant_type=password (optional)
password = 'password_example' # str | Password - required for grant_type=password (optional)
refresh_token = 'refresh_token_example' # str | Refresh Token - required for grant_type=refresh_token (optional)

    try:
        # Authenticates a user or refresh a token
        api_response = api_instance.authenticate(client_id, grant_type, username=username, password=password, refresh_token=refresh_token)
        pprint(api_response)
    except ApiException as e:
        print("Exception when calling AuthenticationApi->authenticate: %s\n" % e)
