//! Two versions of voxgate on one store: the earlier one stops with a clear error, the later one goes on.

use voxgate_guard::store::{PostgresStore, RedisStore, SharedConfig, StoreError};

use crate::server::{self, patient};

const KEY: &str = "{voxgate:default}:version:";

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_a_later_voxgate_has_used_is_refused() {
    let _quiet = crate::BUSY.read().await;
    let Some(redis) = server::Redis::start() else { return };
    let client = redis::Client::open(redis.url()).unwrap();
    let mut beside = client.get_multiplexed_async_connection().await.unwrap();
    RedisStore::connect(&redis.url(), patient()).await.unwrap();
    let there: String = redis::cmd("GET").arg(KEY).query_async(&mut beside).await.unwrap();
    assert_eq!(there, "1", "it marks what it uses");
    for (there, expected) in [("1", None), ("0", None), ("2", Some("version 2 of its layout; this one knows 1"))] {
        let () = redis::cmd("SET").arg(KEY).arg(there).query_async(&mut beside).await.unwrap();
        let told = RedisStore::connect(&redis.url(), patient()).await.map(|_| ()).map_err(|error| error.to_string());
        assert_eq!(told.is_err(), expected.is_some(), "{told:?}");
        assert!(told.err().is_none_or(|error| error.contains(expected.unwrap()) && error.contains("update this")));
    }
    let () = redis::cmd("SET").arg(KEY).arg("mine").query_async(&mut beside).await.unwrap();
    let error = RedisStore::connect(&redis.url(), patient()).await.unwrap_err();
    assert!(error.to_string().contains("as if another version of voxgate used this namespace"), "{error}");
    let config = SharedConfig { namespace: "another".parse().unwrap(), ..patient() };
    RedisStore::connect(&redis.url(), config).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_schema_is_brought_up_to_date_and_never_back() {
    let _quiet = crate::BUSY.read().await;
    let Some(postgres) = server::Postgres::start() else { return };
    PostgresStore::connect(&postgres.url(), patient()).await.unwrap();
    let (beside, link) = tokio_postgres::connect(&postgres.url(), tokio_postgres::NoTls).await.unwrap();
    let link = tokio::spawn(link);
    let mark = "select obj_description(to_regnamespace('voxgate'))";
    let version = || async { beside.query_one(mark, &[]).await.unwrap().get::<_, String>(0) };
    let installed = version().await;
    beside.batch_execute("comment on schema voxgate is 'voxgate schema 1'").await.unwrap();
    PostgresStore::connect(&postgres.url(), patient()).await.unwrap();
    assert_eq!(version().await, installed, "installed again");
    beside.batch_execute("comment on schema voxgate is 'voxgate schema 99'").await.unwrap();
    let error = PostgresStore::connect(&postgres.url(), patient()).await.unwrap_err();
    assert!(matches!(error, StoreError::Later { found: 99, .. }), "{error}");
    assert_eq!(version().await, "voxgate schema 99", "nothing was overwritten");
    drop(beside);
    link.await.unwrap().unwrap();
}
