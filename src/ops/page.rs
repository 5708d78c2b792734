//! The page at `/` of the ops listener: figures as HTML, useful without scripts, which only replace parts
//! of it by newer ones.

use std::fmt::Write as _;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest as _, Sha256};

use super::{
    recorded::{Lately, Recorded},
    standing::Standing,
};
use crate::figures::{Call, Level, Unit};

const TEMPLATE: &str = include_str!("page.html");

/// Charts: the key of the figure, its title and unit.
const CHARTS: [(&str, &str, Unit); 8] = [
    ("grpc_calls", "gRPC calls", Unit::PerSecond),
    ("introspect_p99", "Introspect, p99", Unit::Seconds),
    ("refused", "gRPC refused", Unit::PerSecond),
    ("failed", "gRPC failed", Unit::PerSecond),
    ("logins", "Logins", Unit::PerSecond),
    ("sync_p99", "Sync of the disk, p99", Unit::Seconds),
    ("grants", "Grants", Unit::Count),
    ("watchers", "Watches", Unit::Count),
];
/// Width and height of a chart, in its own units.
const CHART: [f64; 2] = [180.0, 40.0];

/// Parts of the page, each HTML without line breaks.
struct Parts {
    title: String,
    state: String,
    charts: String,
    calls: String,
    refusals: String,
    sections: String,
}

impl Parts {
    fn of(standing: &Standing, recorded: &Recorded) -> Self {
        Self {
            title: format!("{} – jeton", standing.text),
            state: state(standing, recorded),
            charts: charts(recorded),
            calls: calls(&recorded.snapshot.calls),
            refusals: refusals(&recorded.lately),
            sections: sections(recorded),
        }
    }

    fn named(&self) -> [(&'static str, &str); 5] {
        [
            ("state", &self.state),
            ("charts", &self.charts),
            ("calls", &self.calls),
            ("refusals", &self.refusals),
            ("sections", &self.sections),
        ]
    }
}

/// Returns the whole page.
pub(super) fn page(standing: &Standing, recorded: &Recorded) -> String {
    let parts = Parts::of(standing, recorded);
    let page = TEMPLATE.replacen("<!--title-->", &escaped(&parts.title), 1);
    parts
        .named()
        .into_iter()
        .fold(page, |page, (name, part)| page.replacen(&format!("<!--{name}-->"), part, 1))
}

/// Returns the parts that change, in one line.
pub(super) fn fragment(standing: &Standing, recorded: &Recorded) -> String {
    let parts = Parts::of(standing, recorded);
    let mut fragment = format!("<title>{}</title>", escaped(&parts.title));
    for (name, part) in parts.named() {
        append(&mut fragment, format_args!("<div data-live=\"{name}\">{part}</div>"));
    }
    fragment
}

/// Returns the page's policy: its own script and style alone, and no other origin.
pub(super) fn policy() -> String {
    let digest = |tag: &str| {
        let start = TEMPLATE.split_once(&format!("<{tag}>")).map_or("", |(_, rest)| rest);
        let content = start.split_once(&format!("</{tag}>")).map_or("", |(content, _)| content);
        STANDARD.encode(Sha256::digest(content))
    };
    format!(
        "default-src 'none'; script-src 'sha256-{}'; style-src 'sha256-{}'; connect-src 'self'; \
         img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        digest("script"),
        digest("style"),
    )
}

fn state(standing: &Standing, recorded: &Recorded) -> String {
    let build = &recorded.snapshot.build;
    let class = if standing.ready { "good" } else { "bad" };
    let text = if standing.ready {
        "✓ Ready".to_owned()
    } else {
        format!("✗ Not ready: {}", standing.text)
    };
    let mut html = format!("<p class=\"state {class}\">{}</p>", escaped(&text));
    if let Some(warning) = standing.warning {
        append(&mut html, format_args!("<p class=\"notice\">! {}</p>", escaped(warning)));
    }
    let version = format!("{} {}", build.version, build.commit);
    append(&mut html, format_args!("<p class=\"dim\">{}</p>", escaped(version.trim())));
    html
}

fn charts(recorded: &Recorded) -> String {
    let mut html = String::new();
    for (key, title, unit) in CHARTS {
        let values = recorded.history.values(key);
        let known = values.iter().copied().flatten();
        let most = known.clone().fold(0.0, f64::max);
        if known.clone().next().is_none() {
            continue;
        }
        let now = values.iter().rev().find_map(|value| *value).map(|value| unit.text(value));
        let now = now.unwrap_or_else(|| "–".to_owned());
        let label =
            format!("{title} in the last 15 minutes: now {now}, {} at most", unit.text(most));
        append(
            &mut html,
            format_args!(
                "<figure><figcaption><span>{title}</span> <strong>{}</strong></figcaption>\
                 <svg viewBox=\"0 0 {} {}\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{}\">{}</svg>\
                 </figure>",
                escaped(&now),
                CHART[0],
                CHART[1],
                escaped(&label),
                lines(&values, most),
            ),
        );
    }
    if html.is_empty() { "<p class=\"dim\">Nothing yet.</p>".to_owned() } else { html }
}

/// Returns a line for each run of known values: the newest at the right, the largest at the top.
fn lines(values: &[Option<f64>], most: f64) -> String {
    let [width, height] = CHART;
    let step = width / MOMENTS_SHOWN;
    let scale = if most > 0.0 { (height - 4.0) / most } else { 0.0 };
    let mut html = String::new();
    let mut x = width - step * count(values.len());
    for run in values.split(Option::is_none) {
        let mut points = String::new();
        for value in run.iter().flatten() {
            let y = height - 2.0 - value * scale;
            if points.is_empty() {
                // A moment alone is a line, too.
                append(&mut points, format_args!("{:.1},{y:.1} ", x - step));
            }
            append(&mut points, format_args!("{x:.1},{y:.1} "));
            x += step;
        }
        if !points.is_empty() {
            append(&mut html, format_args!("<polyline points=\"{}\"/>", points.trim_end()));
        }
        // The gap behind the run.
        x += step;
    }
    html
}

/// Moments across the width of a chart.
const MOMENTS_SHOWN: f64 = 180.0;

#[expect(clippy::cast_precision_loss, reason = "few moments are kept")]
const fn count(moments: usize) -> f64 {
    moments as f64
}

fn calls(calls: &[Call]) -> String {
    let mut calls: Vec<_> = calls.iter().collect();
    if calls.is_empty() {
        return "<p class=\"dim\">There were no calls yet.</p>".to_owned();
    }
    calls.sort_by(|one, other| other.rate.total_cmp(&one.rate));
    let mut html = "<table><caption>Rates and times of the last 5 seconds</caption><thead><tr>\
                    <th scope=\"col\">Call</th><th scope=\"col\" class=\"number\">Rate</th>\
                    <th scope=\"col\" class=\"number\">p50</th><th scope=\"col\" class=\"number\">p99</th>\
                    <th scope=\"col\" class=\"number\">Since the start</th>\
                    <th scope=\"col\">Errors by reason</th></tr></thead><tbody>"
        .to_owned();
    let seconds = |value: Option<f64>| {
        value.map_or_else(|| "–".to_owned(), |value| Unit::Seconds.text(value))
    };
    for call in calls {
        let errors = call.errors.iter();
        let errors = errors.map(|(name, rate)| format!("{name} {}", Unit::PerSecond.text(*rate)));
        let class = if call.errors.is_empty() { "" } else { " class=\"notice\"" };
        append(
            &mut html,
            format_args!(
                "<tr><th scope=\"row\">{}</th><td class=\"number\">{}</td><td class=\"number\">{}</td>\
                 <td class=\"number\">{}</td><td class=\"number\">{}</td><td{class}>{}</td></tr>",
                escaped(&call.name),
                escaped(&Unit::PerSecond.text(call.rate)),
                seconds(call.p50),
                seconds(call.p99),
                Unit::Count.text(call.total),
                escaped(&errors.collect::<Vec<_>>().join(", ")),
            ),
        );
    }
    html + "</tbody></table>"
}

fn refusals(lately: &[Lately]) -> String {
    if lately.is_empty() {
        return "<p class=\"dim\">Nothing was refused since the start.</p>".to_owned();
    }
    let mut html = "<table><caption>The audit says who was refused: nobody is named here</caption><thead><tr>\
                    <th scope=\"col\">Cause</th><th scope=\"col\" class=\"number\">Last 15 minutes</th>\
                    <th scope=\"col\" class=\"number\">Since the start</th></tr></thead><tbody>"
        .to_owned();
    for Lately { cause, recent, total } in lately {
        append(
            &mut html,
            format_args!(
                "<tr><th scope=\"row\">{}</th><td class=\"number\">{}</td><td class=\"number\">{}</td></tr>",
                escaped(cause),
                Unit::Count.text(*recent),
                Unit::Count.text(*total),
            ),
        );
    }
    html + "</tbody></table>"
}

fn sections(recorded: &Recorded) -> String {
    let mut html = String::new();
    let mut last = None;
    for figure in &recorded.snapshot.figures {
        let section = figure.definition.section;
        if last != Some(section) {
            let end = if last.is_some() { "</dl></section>" } else { "" };
            let title = section.title();
            append(&mut html, format_args!("{end}<section><h3>{title}</h3><dl>"));
            last = Some(section);
        }
        let value = judged(&figure.text(), figure.level);
        append(&mut html, format_args!("<dt>{}</dt>{value}", figure.definition.title));
    }
    if last.is_some() {
        html += "</dl></section>";
    }
    if !recorded.snapshot.issuers.is_empty() {
        html += "<section><h3>Trusted issuers</h3><dl>";
        for issuer in &recorded.snapshot.issuers {
            let mut text = format!("{} keys, {} old", issuer.keys, Unit::Seconds.text(issuer.age));
            text += if issuer.reviews_failing { ", reviews no tokens" } else { "" };
            let value = judged(&text, issuer.level());
            append(&mut html, format_args!("<dt>{}</dt>{value}", escaped(&issuer.name)));
        }
        html += "</dl></section>";
    }
    html
}

fn judged(text: &str, level: Level) -> String {
    let text = escaped(text);
    match level {
        Level::Calm => format!("<dd>{text}</dd>"),
        Level::Notice | Level::Bad => {
            format!("<dd class=\"{}\">{text} {}</dd>", level.name(), level.mark())
        }
    }
}

/// Writing to a text does not fail.
fn append(html: &mut String, arguments: std::fmt::Arguments<'_>) {
    let _written = html.write_fmt(arguments);
}

/// Returns text that is no markup, in one line.
fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => html += "&amp;",
            '<' => html += "&lt;",
            '>' => html += "&gt;",
            '"' => html += "&quot;",
            '\'' => html += "&#39;",
            letter if letter.is_control() => html.push(' '),
            letter => html.push(letter),
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::{History, Interval, Reading, Snapshot};

    fn recorded() -> Recorded {
        let text = "jeton_build_info{version=\"0.1.0\",commit=\"abc\"} 1\njeton_store_grants 7\n\
                    jeton_issuer_keys{issuer=\"<b>\"} 0\njeton_key_ring_usable 0\n\
                    jeton_grpc_requests_total{method=\"jeton.v1.TokenService/Introspect\",outcome=\"OK\"} 3\n\
                    jeton_minting_client_live_tokens{client_id=\"orders\"} 500\n";
        let reading = Reading::parse(text).expect("metrics");
        let interval = Interval { before: None, after: &reading, seconds: 0.0, now: 0.0 };
        let mut history = History::of(180);
        let snapshot = Snapshot::of(&interval);
        history.push(Some(&snapshot));
        let lately = vec![Lately { cause: "wrong_password".to_owned(), recent: 2.0, total: 9.0 }];
        Recorded { snapshot, history, lately }
    }

    const DRAINING: Standing = Standing { ready: false, text: "draining", warning: None };

    #[test]
    fn every_part_is_in_the_page_and_no_marker_is_left() {
        let html = page(&DRAINING, &recorded());
        for part in [
            "✗ Not ready: draining",
            "Token/Introspect",
            "wrong_password",
            "<dt>grants</dt><dd>7</dd>",
        ] {
            assert!(html.contains(part), "{part}");
        }
        assert!(!html.contains("<!--"), "{html}");
        assert!(html.contains("<dd class=\"bad\">no !!</dd>"), "a judgement has a mark");
    }

    #[test]
    fn names_from_outside_are_no_markup_and_clients_are_not_named() {
        let html = page(&DRAINING, &recorded());
        assert!(html.contains("<dt>&lt;b&gt;</dt>") && !html.contains("<b>"));
        assert!(!html.contains("orders"));
        assert_eq!(escaped("a\n\"'&"), "a &quot;&#39;&amp;");
    }

    #[test]
    fn a_fragment_is_one_line_with_every_live_part_of_the_page() {
        let fragment = fragment(&DRAINING, &recorded());
        assert!(!fragment.contains('\n'));
        let live = |html: &str| html.matches("data-live=\"").count();
        // The script names the attribute too.
        assert_eq!(live(&fragment) + 1, live(TEMPLATE));
    }

    #[test]
    fn the_policy_allows_the_page_alone_and_the_page_asks_for_nothing_else() {
        let policy = policy();
        assert_eq!(policy.matches("sha256-").count(), 2);
        for attribute in [" style=", " onclick=", "src=", "https://", "http://"] {
            assert!(!TEMPLATE.contains(attribute), "{attribute}");
        }
        for tag in ["<script>", "<style>"] {
            assert_eq!(TEMPLATE.matches(tag).count(), 1, "{tag}");
        }
    }

    #[test]
    fn a_chart_has_a_gap_where_nothing_is_known() {
        let svg = lines(&[Some(1.0), None, Some(2.0), Some(0.0)], 2.0);
        let expected = "<polyline points=\"175.0,20.0 176.0,20.0\"/>\
                        <polyline points=\"177.0,2.0 178.0,2.0 179.0,38.0\"/>";
        assert_eq!(svg, expected);
    }
}
