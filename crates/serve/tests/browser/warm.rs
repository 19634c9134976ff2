//! The page of warm instances: pools, the lambda slider, runs, and what it says when there is nothing.

use std::path::Path;
use std::time::Duration;

use crate::made_up::MadeUp;
use crate::{TOKEN, browser, demo, demo_of};

#[test]
fn a_person_tries_a_lambda_before_it_is_set() {
    let demo = demo();
    let Some(mut browser) = browser(&demo) else { return };
    browser.open(&format!("{}/#token={TOKEN}", demo.url));
    browser.wait_for("document.querySelectorAll('.row').length === 7");
    browser.click(".pages a[href='#/warm']");
    browser.wait_for("document.querySelectorAll('.pool').length === 4");
    browser.wait_for("document.querySelector('.pages a[aria-current]').innerText === 'Warm'");
    browser.wait_for("document.querySelectorAll('.runs tbody tr').length === 24");
    browser.wait_for("document.querySelector('.runs').innerText.includes('out of memory')");
    // The pool with the most uses is shown first; another can be chosen.
    browser.wait_for("document.querySelector('.pool.chosen').innerText.includes('exec')");
    browser.click(".pool:first-child button");
    browser.wait_for("document.querySelector('.lambda .lead').innerText.includes('python + json, numpy')");
    browser.wait_for("document.querySelector('.lambda .uplot canvas')");
    browser.wait_for("document.querySelector('.apply .primary').disabled");
    browser.evaluate("document.querySelector('.slider input').focus()");
    for _ in 0..2 {
        press_right(&mut browser);
    }
    browser.wait_for("document.querySelector('.outcome').innerText.startsWith('At lambda 5:')");
    browser.wait_for("!document.querySelector('.apply .primary').disabled");
    assert_eq!(demo.backend.state().warm.lambda.to_string(), "2", "looking changes nothing");
    browser.click(".apply .primary");
    browser.wait_for("document.querySelector('.toast.good')?.innerText.includes('Lambda is 5 now')");
    browser.wait_for("document.querySelector('.lambda .title').innerText.includes('lambda 5 now')");
    assert_eq!(demo.backend.state().warm.lambda.to_string(), "5");
    assert_eq!(browser.faults, Vec::<String>::new());
}

#[test]
fn what_a_run_wrote_is_text() {
    let demo = demo();
    let Some(mut browser) = browser(&demo) else { return };
    browser.open(&format!("{}/#token={TOKEN}", demo.url));
    browser.wait_for("document.querySelectorAll('.row').length === 7");
    browser.evaluate("location.hash = '#/warm'");
    browser.wait_for("document.querySelectorAll('.runs tbody tr').length === 24");
    browser.click(".runs tbody tr:nth-of-type(2) button.run-name");
    browser.wait_for("document.querySelector('.wrote pre')?.textContent.includes('<b>done</b>')");
    assert_eq!(browser.evaluate("document.querySelector('.wrote b')"), serde_json::Value::Null);
    photograph(&mut browser, "warm-output", false);
    browser.present(1400, 1000, false);
    browser.click(".runs tbody tr:first-child button.stop");
    browser.wait_for("document.querySelector('.toast.good')?.innerText.includes('Run 24 is stopped')");
    browser.wait_for("document.querySelector('.runs tbody tr:first-child').innerText.includes('stopped')");
    assert_eq!(browser.faults, Vec::<String>::new());
}

fn press_right(browser: &mut crate::chromium::Chromium) {
    for kind in ["keyDown", "keyUp"] {
        let key = serde_json::json!({"type": kind, "key": "ArrowRight", "code": "ArrowRight", "windowsVirtualKeyCode": 39});
        browser.call("Input.dispatchKeyEvent", key);
    }
}

#[test]
fn a_reader_may_look_at_lambdas_only() {
    let demo = demo();
    let Some(mut browser) = browser(&demo) else { return };
    browser.open(&format!("{}/#token=frn_reader", demo.url));
    browser.wait_for("document.querySelectorAll('.row').length === 7");
    browser.evaluate("location.hash = '#/warm'");
    browser.wait_for("document.querySelector('.lambda .uplot canvas')");
    browser.evaluate("document.querySelector('.slider input').focus()");
    press_right(&mut browser);
    browser.click(".apply .primary");
    browser.wait_for("document.querySelector('.toast.bad')?.innerText.includes('rita is a reader')");
    assert_eq!(demo.backend.state().warm.lambda.to_string(), "2");
}

#[test]
fn a_host_that_keeps_none_says_what_to_do() {
    let demo = demo();
    let Some(mut browser) = browser(&demo) else { return };
    browser.open(&format!("{}/#token={TOKEN}", demo.url));
    browser.wait_for("document.querySelectorAll('.row').length === 7");
    let problem = r#"{"detail": "warm instances are not available here", "remedy": "see forerun doctor"}"#;
    browser.evaluate(&format!(
        "(() => {{ const real = window.fetch; window.fetch = (path, ...rest) => path.startsWith('/v1/pools') \
         ? Promise.resolve(new Response('{problem}', {{status: 503}})) : real(path, ...rest); }})()"
    ));
    browser.evaluate("location.hash = '#/warm'");
    browser.wait_for("document.querySelector('.warm-empty')?.innerText.includes('forerun doctor')");
    browser.wait_for("!document.querySelector('.toast')");
    photograph(&mut browser, "warm-absent", true);
    assert_eq!(browser.faults, Vec::<String>::new());
}

#[test]
fn an_idle_host_says_how_to_run_something() {
    let demo = demo_of(MadeUp::newborn());
    let Some(mut browser) = browser(&demo) else { return };
    browser.open(&format!("{}/#token={TOKEN}", demo.url));
    browser.wait_for("document.querySelector('.targets')");
    browser.evaluate("location.hash = '#/warm'");
    browser.wait_for("document.querySelector('.warm-empty')?.innerText.includes('forerun run')");
    photograph(&mut browser, "warm-empty", false);
    assert_eq!(browser.faults, Vec::<String>::new());
}

#[test]
fn it_fits_every_screen() {
    let demo = demo();
    let Some(mut browser) = browser(&demo) else { return };
    browser.open(&format!("{}/#token={TOKEN}", demo.url));
    browser.wait_for("document.querySelectorAll('.row').length === 7");
    browser.evaluate("location.hash = '#/warm'");
    browser.wait_for("document.querySelector('.lambda .uplot canvas')");
    for width in [390, 720, 1000, 1200, 1400] {
        browser.present(width, 1000, false);
        // The plot is told of its new width after the page.
        std::thread::sleep(Duration::from_millis(300));
        browser.wait_for("document.documentElement.scrollWidth <= innerWidth");
    }
    browser.click(".pool:first-child button");
    browser.wait_for("document.querySelector('.lambda .uplot canvas')");
    browser.evaluate("document.querySelector('.slider input').focus()");
    press_right(&mut browser);
    for dark in [false, true] {
        photograph(&mut browser, "warm", dark);
    }
}

/// Saves what is seen first and the whole page, wide and narrow, where `FORERUN_SCREENSHOTS` names a folder.
fn photograph(browser: &mut crate::chromium::Chromium, name: &str, dark: bool) {
    let Some(folder) = std::env::var_os("FORERUN_SCREENSHOTS") else { return };
    let scheme = if dark { "dark" } else { "light" };
    for width in [1400, 390] {
        browser.present(width, 1000, dark);
        std::thread::sleep(Duration::from_millis(600));
        browser.screenshot(&Path::new(&folder).join(format!("{name}-{scheme}-{width}.png")));
        let height = browser.evaluate("document.documentElement.scrollHeight").as_u64().unwrap_or(1_000);
        browser.present(width, height.clamp(700, 3_200) as u32, dark);
        std::thread::sleep(Duration::from_millis(600));
        browser.screenshot(&Path::new(&folder).join(format!("{name}-whole-{scheme}-{width}.png")));
    }
}
