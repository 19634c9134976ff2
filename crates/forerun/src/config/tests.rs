//! What a user may write, what they get, and what they are told when it cannot be.

use model::{Bytes, MilliCores, Mode, Resource, Span, Tier};

use super::*;

fn root() -> Surroundings {
    Surroundings { is_root: true, ..Surroundings::default() }
}

fn read_text(text: &str) -> Result<Loaded, ConfigError> {
    read("forerun.toml", text, &Written::default(), &root())
}

fn refusal(text: &str) -> String {
    read_text(text).expect_err(text).to_string()
}

#[test]
fn nothing_written_means_defaults() {
    let settings = read_text("").unwrap().settings;
    assert_eq!(settings.mode, Mode::Recommend);
    assert_eq!(settings.load.window, Span::from_secs(600));
    assert_eq!(settings.load.tier(Tier::Standard).target_violation, 0.01);
    assert_eq!(settings.load.tier(Tier::Critical).target_violation, 0.002);
    assert!(settings.load.tier(Tier::Critical).lambda_factor > settings.load.tier(Tier::BestEffort).lambda_factor);
    assert_eq!(settings.daemon.state_dir, Path::new("/var/lib/forerun"));
    assert!(settings.targets.is_empty());
}

#[test]
fn what_is_written_holds() {
    let text = r#"
        mode = "act"
        [daemon]
        sample_interval = "1s"
        [load]
        target_violation_percent = 0.3
        manage = ["memory_limit", "cpu_quota", "memory_limit"]
        [load.tier.critical]
        lambda_factor = 20
        [[target]]
        select = "cgroup:/system.slice/db.service"
        tier = "critical"
        memory_min = "2 GiB"
        cpu_max = "1.5 cores"
        [target.scrape]
        url = "http://127.0.0.1:9187/metrics"
        metric = "queries_total"
        counter = true
    "#;
    let settings = read_text(text).unwrap().settings;
    assert_eq!(settings.mode, Mode::Act);
    assert_eq!(settings.load.tier(Tier::Standard).target_violation, 0.003);
    assert_eq!(settings.load.tier(Tier::Critical).lambda_factor, 20.0);
    assert_eq!(settings.load.manage, [Resource::CpuQuota, Resource::MemoryLimit]);
    let rule = &settings.targets[0];
    assert_eq!(&*rule.select, "/system.slice/db.service");
    assert_eq!(rule.tier, Some(Tier::Critical));
    assert_eq!(rule.bounds.memory_min, Some(Bytes(2 << 30)));
    assert_eq!(rule.bounds.cpu_max, Some(MilliCores(1_500)));
    assert_eq!(rule.bounds.cpu_min, Some(MilliCores(25)), "left open by the rule, so from [load.bounds]");
    assert!(rule.scrape.as_ref().unwrap().counter);
}

#[test]
fn the_command_line_is_laid_over_the_file() {
    let overrides = Written { mode: Some(written::ModeWord::Observe), ..Written::default() };
    let loaded = read("forerun.toml", "mode = \"act\"\n[load]\nlambda = 5.0", &overrides, &root()).unwrap();
    assert_eq!(loaded.settings.mode, Mode::Observe);
    assert_eq!(loaded.settings.load.lambda, 5.0);
}

#[test]
fn what_cannot_be_is_refused_with_its_place() {
    let cases = [
        (
            "[load]\ntarget_violation = 1.0\n",
            "forerun.toml:2:1: unknown key `target_violation`; the nearest known one is `target_violation_percent`\n 2 | target_violation = 1.0\n   | ^^^^^^^^^^^^^^^^",
        ),
        ("windw = 1\n", "forerun.toml:1:1: unknown key `windw`; known here are mode, daemon,"),
        ("[daemon]\nwindow = \"5m\"\n", "forerun.toml:2:1: unknown key `window` here; it belongs into [load]"),
        ("mode = \"active\"\n", "forerun.toml:1:8: unknown word `active`; the nearest known one is `act`"),
        (
            "[daemon]\n\nsample_interval = 5\n",
            "forerun.toml:3:19: 5 has no unit; accepted is a number with ms, s, m (minutes), h, d or w, such as \"30s\" or \"10m\"",
        ),
        ("[load.bounds]\nmemory_max = \"10m\"\n", "forerun.toml:2:14: `10m` is not a size: `m` is a unit of time;"),
        ("[load]\nlambda = \"80\"\n", "forerun.toml:2:10: found string \"80\", expected a number"),
        ("[load\n", "forerun.toml:1:6: "),
        (
            "[load]\ntarget_violation_percent = 75\n",
            "forerun.toml:2:28: load.target_violation_percent is 75, but must lie between 0.01 and 50",
        ),
        (
            "[[target]]\nselect = \"/a\"\n[[target]]\ntier = \"critical\"\n",
            "forerun.toml:3:1: target.1 has no `select`: say which control groups the rule is for",
        ),
        (
            "[[target]]\nselect = \"/a\"\ncpu_min = \"2 cores\"\ncpu_max = \"1 core\"\n",
            "forerun.toml:4:11: target.0.cpu_max is 1 cores, below cpu_min (2 cores)",
        ),
        (
            "[daemon]\nlisten = \"0.0.0.0:7177\"\n",
            "forerun.toml:2:10: daemon.listen is 0.0.0.0:7177, which others can reach: set serve.tokens_file first, or listen on 127.0.0.1",
        ),
        (
            "[daemon]\nsample_interval = \"20s\"\n",
            "forerun.toml: rails.stale_after is 30s, less than twice daemon.sample_interval (20s): one late sample would stop action",
        ),
    ];
    for (text, expected) in cases {
        let found = refusal(text);
        assert!(found.starts_with(expected), "for {text:?}\nexpected {expected}\nfound    {found}");
    }
}

#[test]
fn all_faults_are_told_at_once() {
    let found = refusal("[load]\nlambda = 0.0\nhysteresis_percent = 101\n[store]\nkeep_hours = \"1h\"\n");
    assert_eq!(found.matches("forerun.toml:").count(), 3, "{found}");
}

#[test]
fn what_is_shown_reads_back_to_the_same() {
    let text = "[load]\nwindow = \"7m\"\n[[target]]\nselect = \"/a/*\"\nmode = \"observe\"\n[target.scrape]\nurl = \"http://x/\"\nmetric = \"m\"\n";
    let first = read_text(text).unwrap();
    let shown = first.show();
    assert!(shown.contains("# How far a forecast reaches"), "{shown}");
    assert!(shown.contains("\nwindow = \"7m\"\n"), "{shown}");
    assert!(shown.contains("\n# cpu_max is not set\n"), "{shown}");
    let second = read_text(&shown).unwrap();
    assert_eq!(second.settings, first.settings);
    assert_eq!(second.show(), shown);
}

#[test]
fn the_engine_has_the_same_defaults() {
    let engine = read_text("[pools]\nenabled = false\n").unwrap().settings.engine(1);
    assert_eq!(engine, decide::Settings::default());
    let with_pools = read_text("").unwrap().settings.engine(1).load.manage;
    assert_eq!(with_pools[engine.load.manage.len()..], [Resource::WarmInstances, Resource::FrozenInstances]);
}

#[test]
fn a_rule_can_be_added_to_what_is_shown() {
    let shown = read_text("").unwrap().show() + "\n[[target]]\nselect = \"/a\"\n";
    assert_eq!(read_text(&shown).unwrap().settings.targets.len(), 1);
}

#[test]
fn who_runs_it_decides_where_things_are_kept() {
    let user = Surroundings {
        home: Some("/home/ann".into()),
        runtime_dir: Some("/run/user/1000".into()),
        ..Surroundings::default()
    };
    let settings = read("x", "", &Written::default(), &user).unwrap().settings;
    assert_eq!(settings.daemon.state_dir, Path::new("/home/ann/.local/state/forerun"));
    assert_eq!(settings.daemon.socket, Path::new("/run/user/1000/forerun.sock"));
    assert_eq!(user.config_files()[0], Path::new("/home/ann/.config/forerun/forerun.toml"));
}
