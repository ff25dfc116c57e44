//! When a month ends, by two calendars that know nothing of each other: the script's and PostgreSQL's own.

use std::time::Duration;

use tokio_postgres::NoTls;
use voxgate_guard::store::{GuardStore, PostgresStore};

use crate::contract::ready;
use crate::requests::{granted, lease, name, sliding};
use crate::server::{self, patient};

#[tokio::test(flavor = "multi_thread")]
async fn redis_and_postgres_agree_when_a_month_ends() {
    let _quiet = crate::BUSY.read().await;
    let (Some(redis), Some(postgres)) = (server::Redis::start(), server::Postgres::start()) else { return };
    let _schema = PostgresStore::connect(&postgres.url(), patient()).await.unwrap();
    let (client, connection) = tokio_postgres::connect(&postgres.url(), NoTls).await.unwrap();
    tokio::spawn(connection);
    let mut beside = redis::Client::open(redis.url()).unwrap().get_multiplexed_async_connection().await.unwrap();
    let next_month = concat!(
        include_str!("../../src/store/redis/prelude.lua"),
        include_str!("../../src/store/redis/month.lua"),
        "return text(month_start(month_of(tonumber(ARGV[1])) + 1))"
    );
    let script = redis::Script::new(next_month);
    // Every 11 days and a bit of 150 years, and both sides of a leap day.
    let leap_day = [1_709_164_799_999_999_i64, 1_709_164_800_000_000, 1_709_251_199_999_999, 1_709_251_200_000_000];
    for us in (0..5_000_i64).map(|n| n * 11 * 86_400_000_000 + n * 1_234_567).chain(leap_day) {
        let by_script: String = script.arg(us).invoke_async(&mut beside).await.unwrap();
        let row = client.query_one("select voxgate.month_start(voxgate.month_of($1) + 1)", &[&us]).await.unwrap();
        assert_eq!(by_script.parse::<i64>().unwrap(), row.get::<_, i64>(0), "at {us}");
    }
}

/// A week later, as far as the tables say: heartbeats clear away what is over, and only that.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_over_leaves_no_row_in_postgres() {
    let _quiet = crate::BUSY.read().await;
    let Some(postgres) = server::Postgres::start() else { return };
    let store = PostgresStore::connect(&postgres.url(), patient()).await.unwrap();
    let (client, connection) = tokio_postgres::connect(&postgres.url(), NoTls).await.unwrap();
    tokio::spawn(connection);
    let hour = Duration::from_secs(3_600);
    for resource in ["spent long ago", "spent"] {
        store.spend(&sliding(resource, 9, hour, 1)).await.unwrap();
    }
    store.release(&granted(store.take_slot(&lease("held long ago", 1, "one", 1)).await.unwrap())).await.unwrap();
    granted(store.take_slot(&lease("held", 1, "one", 2)).await.unwrap());
    client.batch_execute("update voxgate.peaks set day = day - 7").await.unwrap();
    client.batch_execute("update voxgate.slices set leaves_at = 1 where key like '%long ago'").await.unwrap();
    ready(&store, "one", 1).await;
    let left: Vec<_> = store.survey().await.unwrap().usage.into_iter().map(|usage| usage.resource).collect();
    assert_eq!(left, [name("held"), name("spent")]);
    let rows =
        client.query_one("select (select count(*) from voxgate.slices) + (select count(*) from voxgate.peaks)", &[]);
    assert_eq!(rows.await.unwrap().get::<_, i64>(0), 1, "what is spent within the hour");
}
