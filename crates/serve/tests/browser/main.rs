//! The dashboard in a real browser: signs in, sees the targets, takes a decision back. Skipped, and says so, without
//! Chromium or without the built dashboard. With `FORERUN_SCREENSHOTS=FOLDER` it also saves what it looks like.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails where it stands")]

#[allow(dead_code, reason = "each user of the made-up daemon needs another part of it")]
#[path = "../../examples/demo/made_up/mod.rs"]
mod made_up;

mod chromium;
mod warm;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chromium::Chromium;
use made_up::MadeUp;
use serve::{Auth, Listeners, Role, Secret, Settings};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

const TOKEN: &str = "frn_0123456789abcdef";

/// The made-up daemon on a free port, ticking.
struct Demo {
    runtime: Runtime,
    backend: Arc<MadeUp>,
    url: String,
}

fn demo() -> Demo {
    demo_of(MadeUp::live())
}

fn demo_of(backend: MadeUp) -> Demo {
    let runtime = Runtime::new().unwrap();
    let backend = Arc::new(backend);
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let tokens = vec![
        Secret::from_text(TOKEN).record("olga", Role::Operator),
        Secret::from_text("frn_reader").record("rita", Role::Reader),
    ];
    let auth = Auth { tokens, ..Auth::default() };
    let listeners = Listeners { tcp: Some(listener), unix: None };
    let served = Arc::clone(&backend) as Arc<_>;
    runtime.spawn(serve::run(listeners, served, auth, Settings::default(), std::future::pending()));
    let ticking = Arc::clone(&backend);
    runtime.spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_millis(500)).await;
            ticking.tick();
        }
    });
    Demo { runtime, backend, url }
}

/// The browser, or why there is none.
fn browser(demo: &Demo) -> Option<Chromium> {
    let Some(program) = chromium::installed() else {
        eprintln!("skipped: Chromium is not installed (apt-get install chromium)");
        return None;
    };
    let mut browser = Chromium::start(&program);
    browser.present(1400, 1000, false);
    browser.open(&format!("{}/", demo.url));
    browser.wait_for("document.readyState === 'complete'");
    if browser.evaluate("document.getElementById('app') === null") == true {
        eprintln!("skipped: the dashboard was not built (cargo xtask web, then build again)");
        return None;
    }
    Some(browser)
}

#[test]
fn a_person_signs_in_looks_and_takes_a_decision_back() {
    let demo = demo();
    let Some(mut browser) = browser(&demo) else { return };

    browser.wait_for("document.querySelector('.login #token')");
    browser.click("#token");
    browser.type_text("frn_wrong");
    browser.click("button[type=submit]");
    browser.wait_for("document.querySelector('[role=alert]')?.innerText.includes('The token is not known')");
    // The refusal itself is logged by the browser as an error; nothing else may be.
    browser.faults.retain(|fault| !fault.contains("401"));

    browser.open("about:blank");
    browser.open(&format!("{}/#token={TOKEN}", demo.url));
    browser.wait_for("document.querySelectorAll('.row').length === 7");
    assert_eq!(browser.evaluate("location.hash"), "", "the token leaves the address");
    browser.wait_for("document.querySelector('.live.on')");
    browser.wait_for("document.querySelectorAll('.spark .use').length === 14");
    browser.wait_for("document.querySelector('.figures').innerText.includes('core-hours')");

    browser.click("button[aria-label='Undo T42']");
    browser.wait_for("document.querySelector('.toast.good')?.innerText.includes('T42 is taken back')");
    browser.wait_for("document.querySelector('.decisions').innerText.includes('taken back by T43')");
    assert_eq!(demo.runtime.block_on(async { demo.backend.state().undone(42) }), Some(43));

    demo.backend.decide();
    browser.wait_for("document.querySelector('.decision time').innerText.startsWith('T44')");
    assert_eq!(browser.faults, Vec::<String>::new());
}

#[test]
fn a_person_steers_and_sees_one_target() {
    let demo = demo();
    let Some(mut browser) = browser(&demo) else { return };
    browser.open(&format!("{}/#token={TOKEN}", demo.url));
    browser.wait_for("document.querySelectorAll('.row').length === 7");

    browser.click("button.danger");
    browser.wait_for("document.querySelector('.killed')");
    browser.click(".killed button");
    browser.wait_for("!document.querySelector('.killed')");
    browser.click(".modes label:nth-of-type(2)");
    browser.wait_for("document.querySelector('.modes input[value=recommend]').checked");
    browser.wait_for("document.querySelector('.figures').innerText.includes('shown, not applied')");

    browser.click("input[type=search]");
    browser.type_text("postgres");
    browser.wait_for("document.querySelectorAll('.row').length === 1");
    browser.click(".row");
    browser.wait_for("document.querySelector('h1').innerText.includes('postgresql.service')");
    browser.wait_for("document.querySelector('.uplot canvas')");
    browser.wait_for("document.querySelector('.lead').innerText.includes('99 % probability')");
    browser.wait_for("document.querySelectorAll('.members li').length === 4");
    browser.click(".choice button:nth-of-type(2)");
    browser.wait_for("document.querySelector('.lead strong')?.innerText?.includes('iB')");
    assert_eq!(browser.faults, Vec::<String>::new());
}

#[test]
fn a_reader_is_told_why_not() {
    let demo = demo();
    let Some(mut browser) = browser(&demo) else { return };
    browser.open(&format!("{}/#token=frn_reader", demo.url));
    browser.wait_for("document.querySelectorAll('.row').length === 7");
    browser.click("button.danger");
    browser.wait_for("document.querySelector('.toast.bad')?.innerText.includes('rita is a reader')");
    assert!(!demo.backend.state().kill_switch);
}

#[test]
fn an_idle_host_says_what_is_awaited() {
    let demo = demo_of(MadeUp::newborn());
    let Some(mut browser) = browser(&demo) else { return };
    browser.open(&format!("{}/#token={TOKEN}", demo.url));
    browser.wait_for("document.querySelector('.targets .empty')?.innerText.includes('Waiting for the first sample')");
    browser.wait_for("document.querySelector('.decisions .empty')?.innerText.includes('No decision yet')");
    browser.click("button.danger");
    browser.wait_for("document.querySelector('.killed') && document.querySelector('.toast')");
    if let Some(folder) = std::env::var_os("FORERUN_SCREENSHOTS") {
        browser.screenshot(&Path::new(&folder).join("idle-light-1400.png"));
    }
    assert_eq!(browser.faults, Vec::<String>::new());
}

#[test]
fn it_fits_narrow_screens() {
    let demo = demo();
    let Some(mut browser) = browser(&demo) else { return };
    browser.present(400, 900, false);
    browser.open(&format!("{}/#token={TOKEN}", demo.url));
    browser.wait_for("document.querySelectorAll('.row').length === 7");
    let wide = "document.documentElement.scrollWidth > innerWidth";
    assert_eq!(browser.evaluate(wide), false, "the overview scrolls sideways");
    browser.click(".row");
    browser.wait_for("document.querySelector('.uplot canvas')");
    assert_eq!(browser.evaluate(wide), false, "a target's page scrolls sideways");
}

#[test]
fn it_can_be_photographed() {
    let Some(folder) = std::env::var_os("FORERUN_SCREENSHOTS") else {
        eprintln!("skipped: FORERUN_SCREENSHOTS names no folder");
        return;
    };
    let demo = demo();
    let Some(mut browser) = browser(&demo) else { return };
    let pages = [
        ("overview", "#/"),
        ("target", "#/targets/docker%3Acheckout-api-1"),
        ("young", "#/targets/docker%3Acheckout-api-2"),
    ];
    for (dark, scheme) in [(false, "light"), (true, "dark")] {
        browser.present(1400, 1000, dark);
        browser.open(&format!("{}/#token={TOKEN}", demo.url));
        browser.wait_for("document.querySelectorAll('.spark .use').length >= 8");
        for (name, hash) in pages {
            browser.evaluate(&format!("location.hash = {hash:?}"));
            browser.wait_for(if name == "overview" {
                "document.querySelector('.row')"
            } else {
                "document.querySelector('.uplot')"
            });
            for (width, height) in [(1400, 1000), (400, 1600)] {
                browser.present(width, height, dark);
                std::thread::sleep(Duration::from_millis(900));
                browser.screenshot(&Path::new(&folder).join(format!("{name}-{scheme}-{width}.png")));
            }
        }
        browser.evaluate("sessionStorage.clear()");
        browser.open("about:blank");
        browser.present(1400, 1000, dark);
        browser.open(&demo.url);
        browser.wait_for("document.querySelector('.login')");
        browser.screenshot(&Path::new(&folder).join(format!("login-{scheme}-1400.png")));
    }
}
