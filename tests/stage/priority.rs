//! The engine's priority is what the kernel says it is, granted or not.

#![cfg(target_os = "linux")]

use std::process::Command;

use voxgate::stage::{Clock, EnginePriority, StageEngine};

#[test]
fn real_time_priority_is_granted_or_said_not_to_be() {
    let engine = start(EnginePriority::RealTime);
    assert_eq!(engine.priority() == EnginePriority::RealTime, a_thread_is_real_time());
    if std::env::var_os(UNPRIVILEGED).is_some() {
        assert_eq!(engine.priority(), EnginePriority::Normal);
        return;
    }
    // The same test where it may not. Who cannot drop the privilege does not have it.
    let mut child = Command::new("setpriv");
    child.args(["--bounding-set=-sys_nice", "--inh-caps=-sys_nice"]).arg(std::env::current_exe().unwrap());
    child.args(["--exact", "priority::real_time_priority_is_granted_or_said_not_to_be"]).env(UNPRIVILEGED, "1");
    match child.output() {
        Ok(output) if output.stderr.starts_with(b"setpriv: ") => {
            assert_eq!(engine.priority(), EnginePriority::Normal, "no privilege to drop");
        }
        Ok(output) => assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout)),
        Err(error) => eprintln!("not tested without the privilege: setpriv: {error}"),
    }
}

fn start(priority: EnginePriority) -> StageEngine {
    StageEngine::with_priority(1, Clock::system(), priority).unwrap()
}

/// Whether an engine's thread of this process has the policy SCHED_FIFO; proc(5), `stat`, field 41.
fn a_thread_is_real_time() -> bool {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let stats = tasks.filter_map(|task| std::fs::read_to_string(task.unwrap().path().join("stat")).ok());
    let mut ours = stats.filter(|stat| stat.contains("(voxgate)"));
    ours.any(|stat| stat.rsplit(')').next().unwrap().split_whitespace().nth(41 - 3) == Some("1"))
}

const UNPRIVILEGED: &str = "VOXGATE_TEST_WITHOUT_PRIVILEGE";
