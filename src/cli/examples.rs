//! Examples for `--help` and the manual: one table for all commands.

use clap::Command;

/// By the command's words: one or more lines, which work as they stand where their files and names exist.
const EXAMPLES: &[(&str, &str)] = &[
    (
        "init",
        "jeton init /etc/jeton\njeton init /etc/jeton --yes --grpc-listen 0.0.0.0:50051 --tls-cert server.pem --tls-key server.key",
    ),
    (
        "login",
        "jeton login prod --server https://tokens.example:50051 --client-id operator\njeton login prod --client-id operator < secret\njeton login ada --issuer https://login.example.com/realms/staff --client-id cli",
    ),
    ("serve", "jeton serve --dev\njeton serve --config jeton.toml"),
    (
        "agent",
        "jeton agent --client-id node-agent --check-listen 127.0.0.1:8081\njeton agent --client-id node-agent --client-secret-file secret --listen unix:/run/jeton/agent.sock --socket-mode 0660 --socket-owner :www-data\njeton agent --config agent.toml",
    ),
    (
        "check agent",
        "jeton check agent --config agent.toml\njeton check agent --client-id node-agent --client-secret-file secret --listen unix:/run/jeton/agent.sock",
    ),
    ("token", "jeton token issue --user alice --field access_token"),
    (
        "token issue",
        "jeton token issue --user alice --scope read\njeton token issue --audience billing --ttl 5m --field access_token",
    ),
    (
        "token exchange",
        "jeton token exchange --audience billing --scope read --field access_token < access-token",
    ),
    ("token refresh", "jeton token refresh < refresh-token"),
    (
        "token revoke",
        "jeton token revoke < access-token\njeton token revoke --access-token-only < access-token",
    ),
    ("token introspect", "jeton token issue --field access_token | jeton token introspect"),
    (
        "token explain",
        "jeton token explain < access-token\njeton token explain 01a22acc-1cec-70eb-a22c-4d5018cdd10c",
    ),
    ("token watch", "jeton token watch --output json\njeton token watch --snapshot"),
    ("client", "jeton client create billing --grant client_credentials --introspect audience"),
    (
        "client create",
        "jeton client create billing --grant client_credentials --introspect audience\njeton client create orders --identity issuer=prod,subject=system:serviceaccount:shop:orders\njeton client create app --public --grant password --grant refresh_token --scope read",
    ),
    ("client get", "jeton client get billing\njeton client get billing --field scopes"),
    ("client list", "jeton client list --permission admin\njeton client list --field client_id"),
    (
        "client update",
        "jeton client update billing --access-token-ttl 5m\njeton client update billing --clear permissions",
    ),
    ("client delete", "jeton client delete billing"),
    (
        "client rotate-secret",
        "jeton client rotate-secret billing --previous-ttl 2h --field client_secret > new-secret",
    ),
    ("client remove-secrets", "jeton client remove-secrets orders"),
    ("client key", "jeton client key add orders orders.json\njeton client key list orders"),
    (
        "client key add",
        "jeton client key add orders orders.json\njeton client key add orders - --previous-ttl 2h < orders.json",
    ),
    (
        "client key list",
        "jeton client key list orders\njeton client key list orders --field thumbprint",
    ),
    (
        "client key remove",
        "jeton client key remove orders kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
    ),
    ("client disable", "jeton client disable billing"),
    ("client enable", "jeton client enable billing"),
    ("user", "jeton user create carol --attribute team=risk"),
    (
        "user create",
        "jeton user create carol --attribute email=carol@example.com\njeton user create carol < password\njeton user create dora --identity issuer=corp,subject=8f2c6a0e",
    ),
    ("user get", "jeton user get carol\njeton user get carol --field user_id"),
    ("user list", "jeton user list --prefix ca\njeton user list --disabled --field username"),
    (
        "user update",
        "jeton user update carol --new-name carola\njeton user update carol --identity issuer=corp,subject=8f2c6a0e",
    ),
    ("user set-password", "jeton user set-password carol --keep-grants"),
    ("user disable", "jeton user disable carol"),
    ("user enable", "jeton user enable carol"),
    ("user delete", "jeton user delete carol"),
    ("grant", "jeton grant list --user carol --active"),
    (
        "grant list",
        "jeton grant list --user carol --active\njeton grant list --client billing --wide",
    ),
    ("grant tree", "jeton grant tree --user carol\njeton grant tree --client app --active"),
    ("grant get", "jeton grant get 01a22acc-1cec-70eb-a22c-4d5018cdd10c"),
    ("grant revoke", "jeton grant revoke 01a22acc-1cec-70eb-a22c-4d5018cdd10c"),
    (
        "grant revoke-all",
        "jeton grant revoke-all --user carol --dry-run\njeton grant revoke-all --user carol --client app --yes",
    ),
    ("lockout", "jeton lockout list"),
    ("lockout list", "jeton lockout list\njeton lockout list --user alice"),
    ("lockout clear", "jeton lockout clear --user alice"),
    ("status", "jeton status\njeton status --field store.engine\njeton status --watch --every 5s"),
    (
        "top",
        "jeton top\njeton top http://10.0.0.1:9090 http://10.0.0.2:9090 --palette colour-blind\njeton top --once --output json",
    ),
    ("health", "jeton health\njeton health --server https://tokens.example:50051 --ca ca.pem"),
    ("check", "jeton check --config jeton.toml --deep\njeton check --store jeton-data"),
    ("admin", "jeton admin reset --config /etc/jeton/jeton.toml"),
    (
        "admin reset",
        "jeton admin reset --config /etc/jeton/jeton.toml\njeton admin reset operator --store jeton-data --field client_secret > secret",
    ),
    ("backup", "jeton backup --to jeton.backup\njeton backup inspect jeton.backup"),
    ("backup inspect", "jeton backup inspect jeton.backup --output json"),
    ("key", "jeton key list --keys jeton-keys"),
    ("key add", "jeton key add --keys jeton-keys --field key_id"),
    ("key activate", "jeton key activate 1f2e3d4c --keys jeton-keys"),
    ("key list", "jeton key list --keys jeton-keys"),
    ("key remove", "jeton key remove 1f2e3d4c --keys jeton-keys"),
    (
        "restore",
        "jeton restore --from jeton.backup --store jeton-data\nzstd -dc jeton.backup.zst | jeton restore --from - --store jeton-data",
    ),
    ("migrate", "jeton migrate --from sled:jeton-data"),
    ("bench", "jeton bench --mix introspect=90,refresh=8,revoke=2 --user alice --duration 10s"),
    ("completions", "jeton completions bash > /etc/bash_completion.d/jeton"),
    ("man", "jeton man | man -l -\njeton man --dir /usr/local/share/man/man1"),
];

/// Gives each command its examples.
pub(super) fn add(command: Command) -> Command {
    below(command, "")
}

fn below(command: Command, path: &str) -> Command {
    command.mut_subcommands(|command| {
        let path = format!("{path} {}", command.get_name()).trim_start().to_owned();
        let command = below(command, &path);
        match EXAMPLES.iter().find(|(name, _)| *name == path) {
            Some((_, lines)) => {
                command.after_help(format!("Examples:\n  {}", lines.replace('\n', "\n  ")))
            }
            None => command,
        }
    })
}

#[cfg(test)]
mod tests {
    use clap::Command;

    use super::*;
    use crate::cli::arguments;

    fn without(command: &Command, path: &str, found: &mut Vec<String>) {
        for command in command.get_subcommands().filter(|command| command.get_name() != "help") {
            let path = format!("{path} {}", command.get_name());
            if command.get_after_help().is_none() {
                found.push(path.clone());
            }
            without(command, &path, found);
        }
    }

    #[test]
    fn every_command_has_an_example() {
        let mut found = Vec::new();
        without(&arguments::command(), "jeton", &mut found);
        assert_eq!(found, [""; 0]);
    }

    #[test]
    fn every_example_is_a_command_line_that_can_be_followed() {
        for (name, lines) in EXAMPLES {
            // One of a feature that is off has no command.
            let all = arguments::command();
            let step = |command: Option<_>, word| {
                command.and_then(|at: &Command| at.find_subcommand(word))
            };
            if name.split(' ').fold(Some(&all), step).is_none() {
                continue;
            }
            for part in lines.lines().flat_map(|line| line.split(" | ")) {
                let Some(line) = part.split(['<', '>']).next() else { continue };
                if line.starts_with("jeton ") {
                    let words = line.split_whitespace();
                    let read = arguments::command().try_get_matches_from(words);
                    assert!(read.is_ok(), "{line}: {:?}", read.err());
                }
            }
        }
    }
}
