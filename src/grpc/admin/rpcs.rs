//! The RPCs of `AdminService`, one by one.

use std::pin::Pin;

use tokio_stream::Stream;
use tonic::{Request, Response, Status};

use super::{
    Administration, answer, backup, clients, explained, fields, grants, lockouts, names, refusal,
    status, users,
};
use crate::{
    domain::permission::Task,
    proto::v1::{self, admin_service_server::AdminService},
    store::Store,
};

#[tonic::async_trait]
impl<S: Store> AdminService for Administration<S> {
    async fn create_client(
        &self,
        request: Request<v1::CreateClientRequest>,
    ) -> Result<Response<v1::CreateClientResponse>, Status> {
        answer(async {
            let (service, admin, asked) = self.admit(request, Task::Administer).await?;
            let validate_only = asked.validate_only;
            let asked = clients::create(asked, service.now())?;
            if validate_only {
                service.clients.check_client(&admin, asked).await?;
                return Ok(v1::CreateClientResponse::default());
            }
            let (client, secret) = service.clients.create_client(&admin, asked).await?;
            let client_secret = clients::shown(secret.as_ref());
            let client = Some(fields::message(&client, service.now()));
            Ok(v1::CreateClientResponse { client, client_secret })
        })
        .await
    }

    async fn get_client(
        &self,
        request: Request<v1::GetClientRequest>,
    ) -> Result<Response<v1::GetClientResponse>, Status> {
        answer(async {
            let (service, admin, asked) = self.admit(request, Task::ReadClients).await?;
            let id = names::client_id(&asked.client_id)?;
            let client = service.clients.get_client(&admin, &id).await?;
            let client = Some(fields::message(&client, service.now()));
            Ok(v1::GetClientResponse { client })
        })
        .await
    }

    async fn list_clients(
        &self,
        request: Request<v1::ListClientsRequest>,
    ) -> Result<Response<v1::ListClientsResponse>, Status> {
        answer(async {
            let (service, admin, asked) = self.admit(request, Task::ReadClients).await?;
            let filter = clients::filter(&asked)?;
            let page = names::page(asked.page_size, asked.page_token)?;
            let page = service.clients.list_clients(&admin, &filter, &page).await?;
            let now = service.now();
            let clients = page.entries.iter().map(|client| fields::message(client, now)).collect();
            Ok(v1::ListClientsResponse { clients, next_page_token: page.next_token })
        })
        .await
    }

    async fn update_client(
        &self,
        request: Request<v1::UpdateClientRequest>,
    ) -> Result<Response<v1::UpdateClientResponse>, Status> {
        answer(async {
            let (service, admin, asked) = self.admit(request, Task::Administer).await?;
            let asked = clients::update(asked, service.now())?;
            let client = service.clients.update_client(&admin, &asked).await?;
            let client = Some(fields::message(&client, service.now()));
            Ok(v1::UpdateClientResponse { client })
        })
        .await
    }

    async fn delete_client(
        &self,
        request: Request<v1::DeleteClientRequest>,
    ) -> Result<Response<v1::DeleteClientResponse>, Status> {
        answer(async {
            let (service, admin, asked) = self.admit(request, Task::Administer).await?;
            let id = names::client_id(&asked.client_id)?;
            let may_be_none = clients::no_administrator(asked.allow_no_administrator);
            service.clients.delete_client(&admin, &id, may_be_none).await?;
            Ok(v1::DeleteClientResponse {})
        })
        .await
    }

    async fn rotate_client_secret(
        &self,
        request: Request<v1::RotateClientSecretRequest>,
    ) -> Result<Response<v1::RotateClientSecretResponse>, Status> {
        answer(async {
            let (service, admin, asked) = self.admit(request, Task::Administer).await?;
            let validate_only = asked.validate_only;
            let asked = clients::rotate(asked)?;
            if validate_only {
                service.clients.check_rotation(&admin, asked).await?;
                return Ok(v1::RotateClientSecretResponse::default());
            }
            let (client, secret) = service.clients.rotate_client_secret(&admin, asked).await?;
            let client_secret = clients::shown(secret.as_ref());
            let client = Some(fields::message(&client, service.now()));
            Ok(v1::RotateClientSecretResponse { client, client_secret })
        })
        .await
    }

    async fn create_user(
        &self,
        request: Request<v1::CreateUserRequest>,
    ) -> Result<Response<v1::CreateUserResponse>, Status> {
        answer(async {
            let (service, admin, asked) = self.admit(request, Task::ManageUsers).await?;
            let user = service.users.create_user(&admin, users::create(asked)?).await?;
            Ok(v1::CreateUserResponse { user: Some(users::message(&user, service.now())) })
        })
        .await
    }

    async fn get_user(
        &self,
        request: Request<v1::GetUserRequest>,
    ) -> Result<Response<v1::GetUserResponse>, Status> {
        answer(async {
            let (service, admin, asked) = self.admit(request, Task::ReadUsers).await?;
            let user = service.users.get_user(&admin, &users::key(asked)?).await?;
            let found = service.lockouts.user_lockouts(&admin, &user).await?;
            let lockouts = found.iter().map(lockouts::message).collect();
            Ok(v1::GetUserResponse { user: Some(users::message(&user, service.now())), lockouts })
        })
        .await
    }

    async fn list_users(
        &self,
        request: Request<v1::ListUsersRequest>,
    ) -> Result<Response<v1::ListUsersResponse>, Status> {
        answer(async {
            let (service, admin, asked) = self.admit(request, Task::ReadUsers).await?;
            let filter = users::filter(&asked)?;
            let page = names::page(asked.page_size, asked.page_token)?;
            let page = service.users.list_users(&admin, &filter, &page).await?;
            let now = service.now();
            let users = page.entries.iter().map(|user| users::message(user, now)).collect();
            Ok(v1::ListUsersResponse { users, next_page_token: page.next_token })
        })
        .await
    }

    async fn update_user(
        &self,
        request: Request<v1::UpdateUserRequest>,
    ) -> Result<Response<v1::UpdateUserResponse>, Status> {
        answer(async {
            let (service, admin, asked) = self.admit(request, Task::ManageUsers).await?;
            let user = service.users.update_user(&admin, &users::update(asked)?).await?;
            Ok(v1::UpdateUserResponse { user: Some(users::message(&user, service.now())) })
        })
        .await
    }

    async fn set_user_password(
        &self,
        request: Request<v1::SetUserPasswordRequest>,
    ) -> Result<Response<v1::SetUserPasswordResponse>, Status> {
        answer(async {
            let (service, admin, asked) = self.admit(request, Task::ManageUsers).await?;
            let id = names::user_id(&asked.user_id)?;
            let grants = users::old_grants(asked.keep_grants);
            let password = users::password(asked.password)?;
            let user = service.users.set_user_password(&admin, id, &password, grants).await?;
            Ok(v1::SetUserPasswordResponse { user: Some(users::message(&user, service.now())) })
        })
        .await
    }

    async fn disable_user(
        &self,
        request: Request<v1::DisableUserRequest>,
    ) -> Result<Response<v1::DisableUserResponse>, Status> {
        answer(async {
            let (service, admin, asked) = self.admit(request, Task::ManageUsers).await?;
            let id = names::user_id(&asked.user_id)?;
            let user = service.users.disable_user(&admin, id).await?;
            Ok(v1::DisableUserResponse { user: Some(users::message(&user, service.now())) })
        })
        .await
    }

    async fn enable_user(
        &self,
        request: Request<v1::EnableUserRequest>,
    ) -> Result<Response<v1::EnableUserResponse>, Status> {
        answer(async {
            let (service, admin, asked) = self.admit(request, Task::ManageUsers).await?;
            let id = names::user_id(&asked.user_id)?;
            let user = service.users.enable_user(&admin, id).await?;
            Ok(v1::EnableUserResponse { user: Some(users::message(&user, service.now())) })
        })
        .await
    }

    async fn delete_user(
        &self,
        request: Request<v1::DeleteUserRequest>,
    ) -> Result<Response<v1::DeleteUserResponse>, Status> {
        answer(async {
            let (service, admin, asked) = self.admit(request, Task::ManageUsers).await?;
            service.users.delete_user(&admin, names::user_id(&asked.user_id)?).await?;
            Ok(v1::DeleteUserResponse {})
        })
        .await
    }

    async fn list_lockouts(
        &self,
        request: Request<v1::ListLockoutsRequest>,
    ) -> Result<Response<v1::ListLockoutsResponse>, Status> {
        answer(async {
            let (service, admin, asked) = self.admit(request, Task::ReadUsers).await?;
            let filter = lockouts::filter(&asked)?;
            let page = names::page(asked.page_size, asked.page_token)?;
            let page = service.lockouts.list_lockouts(&admin, &filter, &page).await?;
            let lockouts = page.entries.iter().map(lockouts::message).collect();
            Ok(v1::ListLockoutsResponse { lockouts, next_page_token: page.next_token })
        })
        .await
    }

    async fn clear_lockout(
        &self,
        request: Request<v1::ClearLockoutRequest>,
    ) -> Result<Response<v1::ClearLockoutResponse>, Status> {
        answer(async {
            let (service, admin, asked) = self.admit(request, Task::ManageUsers).await?;
            let count = service.lockouts.clear_lockouts(&admin, &lockouts::which(&asked)?).await?;
            Ok(v1::ClearLockoutResponse { count })
        })
        .await
    }

    async fn get_grant(
        &self,
        request: Request<v1::GetGrantRequest>,
    ) -> Result<Response<v1::GetGrantResponse>, Status> {
        answer(async {
            let (service, admin, asked) = self.admit(request, Task::ReadUsers).await?;
            let grant = service.grants.get_grant(&admin, names::grant_id(&asked.grant_id)?).await?;
            Ok(v1::GetGrantResponse { grant: Some(grants::message(&grant)) })
        })
        .await
    }

    async fn list_grants(
        &self,
        request: Request<v1::ListGrantsRequest>,
    ) -> Result<Response<v1::ListGrantsResponse>, Status> {
        answer(async {
            let (service, admin, asked) = self.admit(request, Task::ReadUsers).await?;
            let of = names::selector(&asked.subject, &asked.client_id)?;
            let page = names::page(asked.page_size, asked.page_token)?;
            let page = service.grants.list_grants(&admin, &of, asked.active_only, &page).await?;
            let grants = page.entries.iter().map(grants::message).collect();
            Ok(v1::ListGrantsResponse { grants, next_page_token: page.next_token })
        })
        .await
    }

    async fn revoke_grant(
        &self,
        request: Request<v1::RevokeGrantRequest>,
    ) -> Result<Response<v1::RevokeGrantResponse>, Status> {
        answer(async {
            let (service, admin, asked) = self.admit(request, Task::ManageUsers).await?;
            service.grants.revoke_grant(&admin, names::grant_id(&asked.grant_id)?).await?;
            Ok(v1::RevokeGrantResponse {})
        })
        .await
    }

    async fn revoke_grants(
        &self,
        request: Request<v1::RevokeGrantsRequest>,
    ) -> Result<Response<v1::RevokeGrantsResponse>, Status> {
        answer(async {
            let (service, admin, asked) = self.admit(request, Task::ManageUsers).await?;
            let of = names::selector(&asked.subject, &asked.client_id)?;
            let ended = if asked.dry_run {
                service.grants.count_grants(&admin, &of).await?
            } else {
                service.grants.revoke_grants(&admin, &of).await?
            };
            Ok(grants::ended(ended))
        })
        .await
    }

    async fn explain_token(
        &self,
        request: Request<v1::ExplainTokenRequest>,
    ) -> Result<Response<v1::ExplainTokenResponse>, Status> {
        answer(async {
            let (service, admin, asked) = self.admit(request, Task::ReadUsers).await?;
            let found = service.introspection.explain(&admin, &explained::what(asked)?).await?;
            Ok(explained::message(&found))
        })
        .await
    }

    type BackupStream = Pin<Box<dyn Stream<Item = Result<v1::BackupResponse, Status>> + Send>>;

    async fn backup(
        &self,
        request: Request<v1::BackupRequest>,
    ) -> Result<Response<Self::BackupStream>, Status> {
        let begun = async {
            let (service, admin, asked) = self.admit(request, Task::BackUp).await?;
            let v1::BackupRequest {} = asked;
            service.backups.begin_backup(&admin).await
        };
        let begun = begun.await.map_err(|error| refusal(&error))?;
        Ok(Response::new(Box::pin(backup::pieces(self.service.clone(), begun))))
    }

    async fn get_status(
        &self,
        request: Request<v1::GetStatusRequest>,
    ) -> Result<Response<v1::GetStatusResponse>, Status> {
        answer(async {
            let (service, admin, asked) = self.admit(request, Task::ReadStatus).await?;
            let v1::GetStatusRequest {} = asked;
            Ok(status::message(service.status(&admin).await?))
        })
        .await
    }
}
