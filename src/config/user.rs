//! `[[user]]`: the users that the file declares.

use super::{
    credential::{self, Given, Keys},
    environment::Environment,
    fields::{Fields, Placed},
    phc,
    warning::Warning,
};
use crate::domain::{
    issuer_name::IssuerName,
    password_rules::PasswordRules,
    secret::Secret,
    user::PasswordHash,
    user_identity::UserIdentity,
    user_name::{TypedName, UserName},
    user_patch::UserPatch,
};

const PASSWORD: Keys = Keys {
    clear: "password",
    variable: "password_env",
    file: "password_file",
    hash: "password_hash",
    one_only: "only one of password, password_env, password_file and password_hash may be given",
};

/// A user's password in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeclaredPassword {
    /// The password itself, given in any way; 1 to [`Secret::MAX_BYTES`] bytes.
    Clear(Secret),
    /// An argon2id PHC string.
    Hash(PasswordHash),
    /// None: the user logs in with ID tokens. A password that was set otherwise stays.
    Nothing,
}

/// A user in the file. A field that is not declared has its default for a new user, and stays
/// unchanged for an existing one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclaredUser {
    /// The login name, unique among the declarations.
    pub name: UserName,
    /// The name as it is written: the user can be stored under the name that version 0.1 derived
    /// from it.
    pub typed_name: TypedName,
    /// The password.
    pub password: DeclaredPassword,
    /// The other fields.
    pub patch: UserPatch,
}

impl DeclaredUser {
    /// Reads one table. Its place is that of its `name`, which is returned even if the other fields
    /// are invalid, so that a second use of the name is still found.
    pub(super) fn read(
        fields: &mut Fields<'_, '_>,
        environment: &dyn Environment,
        rules: PasswordRules,
    ) -> Option<(Placed<UserName>, Option<Self>)> {
        let typed_name = fields.required("name", "a string", |text| {
            let typed = TypedName::new(text);
            typed.name()?;
            Ok(typed)
        });
        let password = credential::read(fields, &PASSWORD, environment, phc::check);
        let needs_password = fields.place("identities").is_none();
        if matches!(password, Given::Nothing) && needs_password {
            fields.fault_of_all(
                "needs one of password, password_env, password_file and password_hash, or identities",
            );
        }
        let patch = UserPatch {
            name: None,
            identities: identities(fields),
            attributes: fields.attributes(),
            disabled: fields.flag("disabled"),
        };

        let Placed { at, value: typed_name } = typed_name?;
        let name = Placed { at, value: typed_name.name().ok()?.clone() };
        let password = match password {
            Given::Clear(clear) => Some(DeclaredPassword::Clear(clear.text)),
            Given::Hash(hash) => Some(DeclaredPassword::Hash(PasswordHash(hash))),
            Given::Nothing if !needs_password => Some(DeclaredPassword::Nothing),
            Given::Nothing | Given::Fault => None,
        };
        if let Some(DeclaredPassword::Clear(password)) = &password
            && let Err(problem) = rules.check(&name.value, password)
        {
            let name = name.value.clone();
            fields.report().warn(Warning::Password { name, problem });
        }
        let user =
            password.map(|password| Self { name: name.value.clone(), typed_name, password, patch });
        Some((name, user))
    }
}

/// Reads `identities`: a list of tables; `None` if it is not there, or something of it is invalid.
fn identities(fields: &mut Fields<'_, '_>) -> Option<Vec<UserIdentity>> {
    const ANY: &str = "any";
    let at = fields.place("identities")?;
    let mut valid = true;
    let identities = fields.records("identities", |fields| {
        let issuer = fields.required("issuer", "a string", |text| {
            IssuerName::parse(text).map(|name| name.as_str().to_owned())
        });
        let subject = fields.required("subject", "a string", |text| {
            UserIdentity::new(ANY, text).map(|_| text.to_owned())
        });
        let identity = issuer.zip(subject);
        valid &= identity.is_some();
        let (issuer, subject) = identity?;
        UserIdentity::new(&issuer.value, &subject.value).ok()
    });
    if let Err(problem) = UserIdentity::check_all(&identities) {
        fields.fault(at, "identities", &problem.to_string());
        return None;
    }
    valid.then_some(identities)
}
