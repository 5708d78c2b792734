//! Records: any bytes on the disk are a record or are damaged, and a record that was read is
//! written so that it is read as the same one.

#![no_main]

use jeton::domain::{
    attempts::{Attempts, AttemptsId},
    change::Change,
    client::Client,
    client_id::ClientId,
    grant::Grant,
    grant_id::GrantId,
    subject::UserId,
    user::User,
};
use libfuzzer_sys::fuzz_target;

// The first byte chooses the type.
fuzz_target!(|data: &[u8]| {
    let Some((kind, bytes)) = data.split_first() else { return };
    match kind % 5 {
        0 => {
            let id = GrantId::from_bytes([7; 16]);
            let Ok(grant) = Grant::from_bytes(id, bytes) else { return };
            assert_eq!(Grant::from_bytes(id, &grant.to_bytes()).as_ref(), Ok(&grant));
            let _spent = grant.spent_time();
        }
        1 => {
            let id = || ClientId::parse("orders").expect("a client's id");
            let Ok(client) = Client::from_bytes(id(), bytes) else { return };
            assert_eq!(Client::from_bytes(id(), &client.to_bytes()), Ok(client));
        }
        2 => {
            let id = UserId::from_bytes([7; 16]);
            let Ok(user) = User::from_bytes(id, bytes) else { return };
            assert_eq!(User::from_bytes(id, &user.to_bytes()), Ok(user));
        }
        3 => {
            let Ok(change) = Change::from_bytes(bytes) else { return };
            assert_eq!(Change::from_bytes(&change.to_bytes()), Ok(change));
        }
        _ => {
            let id = AttemptsId::from_bytes([7; 16]);
            let Ok(attempts) = Attempts::from_bytes(id, bytes) else { return };
            assert_eq!(Attempts::from_bytes(id, &attempts.to_bytes()), Ok(attempts));
        }
    }
});
