//! When a month ends, by two calendars that know nothing of each other: the script's and PostgreSQL's own.

use tokio_postgres::NoTls;
use voxgate::guard::store::PostgresStore;

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
        include_str!("../../src/guard/store/redis/prelude.lua"),
        include_str!("../../src/guard/store/redis/month.lua"),
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
