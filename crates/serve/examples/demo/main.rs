//! Serves the dashboard over a made-up daemon: `cargo run -p forerun-serve --example demo -- [PORT]`, then open the link
//! that it prints.

#[allow(dead_code, reason = "the tests need parts of the made-up daemon that the demo does not")]
mod made_up;

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use made_up::MadeUp;
use serve::{Auth, Listeners, Role, Secret, Settings};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let port = std::env::args().nth(1).map_or(Ok(9_180), |port| port.parse::<u16>())?;
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    let operator = Secret::generate()?;
    println!("http://{}/#token={}", listener.local_addr()?, operator.reveal());
    let auth = Auth { tokens: vec![operator.record("demo", Role::Operator)], ..Auth::default() };
    let backend = Arc::new(MadeUp::live());
    let ticking = Arc::clone(&backend);
    tokio::spawn(async move {
        let mut second = tokio::time::interval(Duration::from_secs(1));
        for count in 1_u64.. {
            second.tick().await;
            ticking.tick();
            if count % 20 == 0 {
                ticking.decide();
            }
        }
    });
    let listeners = Listeners { tcp: Some(listener), unix: None };
    let shutdown = async { tokio::signal::ctrl_c().await.expect("SIGINT can be waited for") };
    serve::run(listeners, backend, auth, Settings::default(), shutdown).await?;
    Ok(())
}
