//! Real servers for tests: on free ports, in folders of their own, with the settings that keep what they
//! acknowledge, and gone when the process is that started them, whatever ends it.

mod pgbouncer;
mod postgres;
mod proxy;
mod redis;
mod server;
mod supervised;

pub use pgbouncer::PgBouncer;
pub use postgres::PostgresServer;
pub use proxy::{Proxy, Way};
pub use redis::{RedisCluster, RedisServer};
pub use server::{Kind, Server};
