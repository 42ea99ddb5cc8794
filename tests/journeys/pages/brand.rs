//! White label: name, logo and colour come from the configuration; the page is small, and its policy strict.

use landfall_tests::browser::BOTH;
use landfall_tests::stack::{Stack, Wishes};
use landfall_tests::visitor::Visitor;
use serde_json::json;

const LOGO: &str = r#"<svg xmlns="http://www.w3.org/2000/svg" width="120" height="36" viewBox="0 0 120 36"><style>.a{fill:#b4005a}</style>
<script>document.documentElement.dataset.ran = "yes"</script><rect class="a" width="36" height="36" rx="8"/><text x="44" y="25" font-size="20">Acme</text></svg>"#;

/// HTML, style, script and logo: what a first visit loads.
const SMALL: usize = 60_000;

#[tokio::test]
async fn a_brand_shows_its_name_logo_and_colour_and_nothing_can_run_that_is_not_ours() {
    let logo = std::env::temp_dir().join(format!("landfall-logo-{}.svg", std::process::id()));
    std::fs::write(&logo, LOGO).unwrap();
    let wishes = Wishes::default().with("BRAND_LOGO", logo.to_str().unwrap()).with("BRAND_COLOR", "#ffcc00");
    let mut stack = wishes.with("BRAND_NAME", "Acme <b>&</b> Co|极致 & 伙伴").start().await;
    for tongue in BOTH {
        let ann = Visitor::purchased(&stack, tongue, "ann").await;
        ann.goes("activate").await;
        ann.is_at(ann.says("Activate Acme <b>&</b> Co", "开通极致 & 伙伴")).await;
        ann.looks("60-brand-entry").await;
        assert_eq!(ann.runs("return document.documentElement.lang", vec![]).await, json!(ann.tongue.tag()));
        ann.logs_in_directly().await;
        ann.is_at_the_choice().await;
        ann.looks("61-brand-choice").await;
        let logo = "const logo = document.querySelector('.brand img'); return [logo.naturalWidth > 0, logo.alt]";
        assert_eq!(ann.runs(logo, vec![]).await, json!([true, ann.says("Acme <b>&</b> Co", "极致 & 伙伴")]));
        let button = "return getComputedStyle(document.querySelector('.button')).backgroundColor";
        assert_eq!(ann.runs(button, vec![]).await, json!("rgb(255, 204, 0)"));

        // The logo opened by itself runs nothing.
        ann.goes("assets/logo").await;
        assert_eq!(ann.runs("return document.documentElement.dataset.ran ?? null", vec![]).await, json!(null));
    }
    let _ = std::fs::remove_file(logo);
    stack.ends_well().await;
}

#[tokio::test]
async fn a_first_visit_is_small_and_every_page_has_a_strict_policy() {
    let mut stack = Stack::start().await;
    for tongue in BOTH {
        let mut ann = stack.buyer();
        ann.purchases().await;
        ann.logs_in_directly().await;
        ann.settles().await;
        let mut loaded = 0;
        for path in [
            format!("activate/{}?lang={}", ann.activation_id, tongue.tag()),
            "activate".to_owned(),
            "activate/nobody".to_owned(),
        ] {
            let answer = ann.api(reqwest::Method::GET, &path, None).await;
            let policy = answer.headers()["content-security-policy"].to_str().unwrap().to_owned();
            assert!(policy.starts_with("default-src 'none';") && !policy.contains("unsafe"), "{policy}");
            assert_eq!(answer.headers()["referrer-policy"], "no-referrer");
            let page = answer.text().await.unwrap();
            assert!(!page.contains("style=\"") && !page.contains("onclick"), "{page}");
            if loaded == 0 {
                loaded = page.len();
                for asset in
                    page.split('"').filter(|piece| piece.starts_with("/assets/") && !piece.contains("noscript"))
                {
                    let answer = ann.api(reqwest::Method::GET, asset.trim_start_matches('/'), None).await;
                    assert_eq!(answer.headers()["cache-control"], "public, max-age=31536000, immutable", "{asset}");
                    loaded += answer.bytes().await.unwrap().len();
                }
                assert!((20_000..SMALL).contains(&loaded), "{tongue:?}: a first visit loads {loaded} bytes");
            }
        }
    }
    stack.ends_well().await;
}
