//! White label: name, logo and colour come from the configuration; the page is small, and its policy strict.

use std::path::PathBuf;

use landfall_tests::browser::BOTH;
use landfall_tests::caller::Caller;
use landfall_tests::overheard::Overheard;
use landfall_tests::patience::until;
use landfall_tests::stack::Wishes;
use landfall_tests::visitor::Visitor;
use serde_json::json;

const LOGO: &str = r#"<svg xmlns="http://www.w3.org/2000/svg" width="120" height="36" viewBox="0 0 120 36"><style>.a{fill:#b4005a}</style>
<script>document.documentElement.dataset.ran = "yes"</script><rect class="a" width="36" height="36" rx="8"/><text x="44" y="25" font-size="20">Acme</text></svg>"#;

/// The way in, HTML, style, script and logo, heads and all: what a first visit loads, with room below the promised 60,000 bytes.
const SMALL: usize = 50_000;

/// What the browser says that page and assets took.
const COUNTED: &str = "
    const loaded = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')];
    return loaded.reduce((sum, entry) => sum + entry.transferSize, 0)";

/// A logo's file, for as long as a test.
struct Logo(PathBuf);

impl Logo {
    fn kept(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("landfall-logo-{name}-{}.svg", std::process::id()));
        std::fs::write(&path, LOGO).unwrap();
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Logo {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[tokio::test]
async fn a_brand_shows_its_name_logo_and_colour_and_nothing_can_run_that_is_not_ours() {
    let logo = Logo::kept("brand");
    let wishes = Wishes::default().with("BRAND_LOGO", logo.path()).with("BRAND_COLOR", "#ffcc00");
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
    stack.ends_well().await;
}

#[tokio::test]
async fn a_first_visit_is_small() {
    let logo = Logo::kept("small");
    let mut stack = Wishes::default().with("BRAND_LOGO", logo.path()).prepare().await;
    let wire = Overheard::before(stack.api_url.authority()).await;
    stack.set("PUBLIC_URL", &format!("http://{}", wire.address));
    stack.start_api().await;
    stack.start_workers().await;
    for tongue in BOTH {
        let mut ann = Visitor::purchased(&stack, tongue, "ann").await;
        ann.buyer.logs_in_directly().await;
        ann.buyer.settles().await;
        let before = wire.answered();
        ann.logs_in_directly().await;
        ann.is_at_the_choice().await;
        until("the page waits", || async { wire.polls().last().filter(|asked| asked.is_open).cloned() }).await;
        let loaded = wire.answered() - before;
        println!("{tongue:?}: a first visit loads {loaded} bytes");
        assert!((20_000..SMALL).contains(&loaded), "{tongue:?}: a first visit loads {loaded} bytes");
        // What the browser itself counted is no more.
        let counted = ann.runs(COUNTED, vec![]).await.as_u64().unwrap();
        assert!(counted < SMALL as u64, "{tongue:?}: {counted}");
    }
    stack.ends_well().await;
}

#[tokio::test]
async fn assets_are_packed_and_kept_and_every_page_has_a_strict_policy() {
    let logo = Logo::kept("packed");
    let mut stack = Wishes::default().with("BRAND_LOGO", logo.path()).start().await;
    for tongue in BOTH {
        let mut ann = stack.buyer();
        ann.purchases().await;
        ann.logs_in_directly().await;
        ann.settles().await;
        let plain = Caller::new(&stack.api_url).with("cookie", ann.cookie()).with("accept-language", tongue.tag());
        let unpacks = plain.with("accept-encoding", "gzip, br");
        for path in [format!("activate/{}", ann.activation_id), "activate".to_owned(), "activate/nobody".to_owned()] {
            let page = unpacks.get(&path).await;
            let policy = page.header("content-security-policy");
            assert!(policy.starts_with("default-src 'none';") && !policy.contains("unsafe"), "{policy}");
            assert_eq!(page.header("referrer-policy"), "no-referrer");
            assert!(!page.text.contains("style=\"") && !page.text.contains("onclick"), "{}", page.text);
            // A page holds secrets beside what others may choose: packed, its length would tell them.
            assert_eq!(page.header("content-encoding"), "");
            for asset in page.text.split('"').filter_map(|piece| piece.strip_prefix('/')) {
                if asset.starts_with("assets/") {
                    is_packed_and_kept(&plain, &unpacks, asset).await;
                }
            }
        }
    }
    stack.ends_well().await;
}

async fn is_packed_and_kept(plain: &Caller, unpacks: &Caller, asset: &str) {
    let (whole, packed) = (plain.get(asset).await, unpacks.get(asset).await);
    for reply in [&whole, &packed] {
        assert_eq!(reply.header("cache-control"), "public, max-age=31536000, immutable", "{asset}");
        assert_eq!(reply.header("vary").to_lowercase(), "accept-encoding", "{asset}");
        assert_eq!(reply.header("etag"), whole.header("etag"));
        assert!(reply.header("etag").starts_with("W/"), "packed and unpacked are other bytes of the same");
    }
    assert_eq!((whole.header("content-encoding"), packed.header("content-encoding")), ("", "gzip"), "{asset}");
    let known = unpacks.with("if-none-match", whole.header("etag")).get(asset).await;
    assert_eq!((known.status, known.header("vary"), known.text.as_str()), (304, "Accept-Encoding", ""), "{asset}");
}
