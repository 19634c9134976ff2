//! Pools for people.

use serve::view::{PoolPage, PoolView};

use super::table::Rows;

/// All pools in a table, with what they hold together.
pub fn page(page: &PoolPage) -> String {
    if page.pools.is_empty() {
        return "no pools yet: `forerun run FILE` makes one, `forerun pool set --runtime python --min 1` too\n".into();
    }
    let mut rows = Rows::of(&[
        ("POOL", false),
        ("READY", true),
        ("FROZEN", true),
        ("RUNNING", true),
        ("BOUNDS", true),
        ("HITS", true),
        ("COLD START", true),
        ("IDLE GB·H", true),
        ("KEPT FOR", true),
    ]);
    for pool in &page.pools {
        rows.add([
            pool.id.clone(),
            format!("{}/{}", pool.waiting, pool.wanted_waiting),
            format!("{}/{}", pool.frozen, pool.wanted_frozen),
            pool.running.to_string(),
            format!("{}-{}", pool.at_least, pool.at_most),
            hits(pool),
            format!("{:.1} ms", pool.cold_ms),
            format!("{:.4}", pool.idle_gb_hours),
            pool.keep_alive_seconds.map_or_else(|| "-".into(), |seconds| format!("{} min", (seconds / 60.0).round())),
        ]);
    }
    let held = model::Bytes(page.memory_bytes);
    let most = model::Bytes(page.memory_max_bytes);
    format!("{}\nidle instances hold {held} of {most} that pools may hold; lambda is {}\n", rows.text(), page.lambda)
}

fn hits(pool: &PoolView) -> String {
    let hits = pool.hits_warm + pool.hits_thawed;
    let all = hits + pool.misses;
    if all == 0 { "-".into() } else { format!("{hits} of {all}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_page_says_how_to_begin() {
        let empty = PoolPage { lambda: 1.0, memory_bytes: 0, memory_max_bytes: 1, pools: Vec::new() };
        assert!(page(&empty).contains("forerun run FILE"));
    }
}
