//! What `INFO` tells about a Redis that claims are kept in.

use crate::store::Finding;

/// The findings, of which a role that cannot write comes first.
pub(super) fn findings(info: &str) -> Vec<Finding> {
    vec![role(field(info, "role")), version(field(info, "redis_version")), memory(info), persistence(info)]
}

/// A field of `INFO`; empty if it is not there.
pub(super) fn field<'a>(info: &'a str, name: &str) -> &'a str {
    info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim).unwrap_or_default()
}

/// Whether a replica can take over, and what it would lack: asked of a Redis with replicas or Sentinels.
pub(super) fn standby(info: &str, has_sentinels: bool) -> Option<Finding> {
    let replicas: u32 = field(info, "connected_slaves").parse().unwrap_or_default();
    // It is told only where `min-replicas-to-write` is set.
    let waits_for_replicas = !field(info, "min_slaves_good_slaves").is_empty();
    match (replicas, waits_for_replicas) {
        (0, _) if has_sentinels => Some(Finding::warning("it has no replica that could take over", "start one")),
        (0, _) => None,
        (_, true) => Some(Finding::good(format!("it takes claims only while replicas follow; {replicas} do"))),
        (_, false) => Some(Finding::warning(
            "cut off from its replicas it goes on taking claims, beside the one that takes over",
            "set min-replicas-to-write 1 and min-replicas-max-lag 10",
        )),
    }
}

fn role(role: &str) -> Finding {
    match role {
        "slave" | "replica" => Finding::bad(
            "it is a replica, and takes no claims",
            "give the address of the primary; after a failover that is another server",
        ),
        _ => Finding::good("it is a primary"),
    }
}

fn version(version: &str) -> Finding {
    let major: u32 = version.split('.').next().and_then(|major| major.parse().ok()).unwrap_or_default();
    let what = format!("it is Redis {version}");
    if major >= OLDEST { Finding::good(what) } else { Finding::bad(what, "scripts need Redis 5 or later; update it") }
}

/// A Redis that may evict keys was refused when it was connected to.
fn memory(info: &str) -> Finding {
    let number = |name: &str| field(info, name).parse::<u64>().unwrap_or_default();
    match (number("used_memory"), number("maxmemory")) {
        (_, 0) => Finding::good("it evicts no keys, and its memory has no limit"),
        (used, most) if used.saturating_mul(10) >= most.saturating_mul(9) => Finding::warning(
            format!("{used} of {most} bytes of memory are used; when it is full, it refuses claims"),
            "raise maxmemory, or move other users of it elsewhere",
        ),
        (used, most) => Finding::good(format!("it evicts no keys; {used} of {most} bytes of memory are used")),
    }
}

fn persistence(info: &str) -> Finding {
    if field(info, "aof_last_write_status") == "err" || field(info, "rdb_last_bgsave_status") == "err" {
        return Finding::bad(
            "it could not write to its disk",
            "look at its log and its disk; Redis then refuses to write",
        );
    }
    if field(info, "aof_enabled") == "1" {
        return Finding::good("it keeps an append-only file, so claims and counts outlast a restart");
    }
    Finding::warning(
        "it keeps no append-only file: after a restart nothing is granted for the longest lease, and counts of a month start again",
        "set appendonly yes, or keep quotas in PostgreSQL",
    )
}

/// With effects replication of scripts.
const OLDEST: u32 = 5;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Health;

    #[test]
    fn a_replica_that_can_take_over_is_worth_a_word() {
        let told = |info, has_sentinels| standby(info, has_sentinels).map(|found| (found.health, found.to_string()));
        assert_eq!(told("connected_slaves:0", false), None);
        assert_eq!(told("connected_slaves:2\r\nmin_slaves_good_slaves:2", true).unwrap().0, Health::Good);
        for (info, has_sentinels, word) in
            [("connected_slaves:0", true, "start one"), ("connected_slaves:1", false, "min-replicas-to-write 1")]
        {
            let (health, text) = told(info, has_sentinels).unwrap();
            assert!(health == Health::Warning && text.contains(word), "{text}");
        }
    }

    #[test]
    fn each_field_that_is_not_well_has_a_remedy() {
        let well = "role:master\r\nredis_version:7.0.15\r\nmaxmemory:0\r\naof_enabled:1\r\n";
        assert!(findings(well).iter().all(|finding| finding.health == Health::Good && finding.remedy.is_none()));
        for (from, to, health, told) in [
            ("role:master", "role:slave", Health::Bad, "the address of the primary"),
            ("7.0.15", "3.2.1", Health::Bad, "Redis 5 or later"),
            ("maxmemory:0", "maxmemory:100\r\nused_memory:90", Health::Warning, "90 of 100 bytes"),
            ("aof_enabled:1", "aof_enabled:0", Health::Warning, "appendonly yes"),
            ("aof_enabled:1", "aof_enabled:1\r\naof_last_write_status:err", Health::Bad, "its disk"),
        ] {
            let found = findings(&well.replace(from, to));
            let odd: Vec<_> = found.iter().filter(|finding| finding.health != Health::Good).collect();
            assert!(odd.len() == 1 && odd[0].health == health && odd[0].to_string().contains(told), "{to}: {found:?}");
        }
    }
}
