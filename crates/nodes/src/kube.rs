//! What the API server says: which nodes, namespaces, pods and workloads there are, and who may ask what.
//!
//! Comes in: a kubeconfig, a service account or an address; lists and watches. Goes out: [`Objects`], kept up to date,
//! and answers to single questions. Refuses to know: numbers.
//!
//! [`Objects`]: plimsoll_core::cluster::objects::Objects

mod api;
mod ask;
mod connect;
mod front_proxy;
mod kubeconfig;
mod object;
mod options;
mod pace;
mod plugin;
mod review;
mod store;
#[cfg(test)]
mod testing;
mod token;
mod watch;
mod yaml;

pub use self::api::Api;
pub use self::ask::ApiError;
pub use self::connect::{ConnectError, Connection};
pub use self::front_proxy::FrontProxy;
pub use self::kubeconfig::Kubeconfig;
pub use self::object::Rules;
pub use self::options::{ApiOptions, OptionError, Source};
pub use self::review::{Attributes, Decision, User};
pub use self::token::{Token, TokenError};
pub use self::watch::{Resource, State, Watch, WatchOptions};
