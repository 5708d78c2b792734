//! The sections that a running server cannot change.

use super::Settings;

impl Settings {
    /// Returns the sections that differ in `changed` and need a restart: all except `[log]`. The
    /// contents of the files that they name do not count.
    pub fn needing_restart(&self, changed: &Self) -> Vec<&'static str> {
        let Self {
            grpc,
            http,
            ops,
            check,
            agent: _,
            tls,
            limits,
            store,
            keys,
            tokens,
            passwords,
            secrets,
            lockout,
            log: _,
            audit,
            traces,
            serve,
            first_look: _,
            issuers,
            clients,
            users,
        } = changed;
        let sections = [
            ("grpc", self.grpc == *grpc),
            ("http", self.http == *http),
            ("ops", self.ops == *ops),
            ("check", self.check == *check),
            ("tls", self.tls == *tls),
            ("limits", self.limits == *limits),
            ("store", self.store == *store),
            ("keys", self.keys == *keys),
            ("tokens", self.tokens == *tokens),
            ("passwords", self.passwords == *passwords),
            ("secrets", self.secrets == *secrets),
            ("lockout", self.lockout == *lockout),
            ("audit", self.audit == *audit),
            ("traces", self.traces == *traces),
            ("serve", self.serve == *serve),
            ("issuer", self.issuers == *issuers),
            ("client", self.clients == *clients),
            ("user", self.users == *users),
        ];
        sections.into_iter().filter(|(_, same)| !same).map(|(name, _)| name).collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{LogSettings, ServeSettings};

    use super::*;

    #[test]
    fn everything_but_the_log_takes_a_restart() {
        let running = Settings::default();
        let log = LogSettings { filter: "debug".into(), ..running.log.clone() };
        let changed = Settings { log, ..running.clone() };
        assert!(running.needing_restart(&changed).is_empty());
        let serve = ServeSettings { allow_plaintext: true, ..running.serve.clone() };
        let changed = Settings { serve, tls: None, ..changed };
        assert_eq!(running.needing_restart(&changed), ["serve"]);
    }
}
