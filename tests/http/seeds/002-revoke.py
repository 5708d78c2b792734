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
token = 'token_example' # str | The token to revoke

    try:
        # Revoke a refresh a token
        api_instance.revoke_token(client_id, token)
    except ApiException as e:
        print("Exception when calling AuthenticationApi->revoke_token: %s\n" % e)
