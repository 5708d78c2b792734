//! Release and commit of this program.

use crate::metrics::Registry;

/// The release and, where the build knew it, the commit: `0.1.0 (5c0ffee)`.
pub const VERSION: &str = env!("JETON_BUILD_VERSION");

/// Both as labels of a metric.
pub(super) fn metrics() -> Registry {
    let registry = Registry::new();
    let labels = [("version", env!("CARGO_PKG_VERSION")), ("commit", env!("JETON_BUILD_COMMIT"))];
    let help = "Always 1; the labels say which release, of which commit.";
    registry.info("jeton_build_info", help, labels);
    registry
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_the_releases_with_the_commit_where_it_is_known() {
        let commit = VERSION.strip_prefix(env!("CARGO_PKG_VERSION")).expect("the release");
        let known = env!("JETON_BUILD_COMMIT");
        assert_eq!(commit, if known.is_empty() { String::new() } else { format!(" ({known})") });
    }
}
