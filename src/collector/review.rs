//! The API server's word on who asks: what serving wants to know, asked over the source's own connection.

use plimsoll_nodes::kube::{self, ApiError, Connection};
use plimsoll_serve::cluster::k8s::access::{
    Answer, Attributes, Authorities, Decision, FrontProxy, ReviewError, Reviewer, User,
};

/// Asks this API server.
pub(super) struct Reviews {
    pub(super) connection: Connection,
    /// Whether it is asked whose certificates count; otherwise those of the flags do, and no others.
    pub(super) lookup: bool,
}

fn failed(error: ApiError) -> ReviewError {
    ReviewError(error.to_string())
}

fn told(user: &User) -> kube::User {
    kube::User {
        name: user.name.clone(),
        uid: user.uid.clone(),
        groups: user.groups.clone(),
        extra: user.extra.clone(),
    }
}

fn wanted(attributes: &Attributes) -> kube::Attributes {
    let verb = attributes.verb.clone();
    match &attributes.resource {
        None => kube::Attributes::Path { verb, path: attributes.path.clone() },
        Some(resource) => kube::Attributes::Resource {
            verb,
            group: resource.group.clone(),
            version: resource.version.clone(),
            resource: resource.resource.clone(),
            subresource: resource.subresource.clone(),
            namespace: resource.namespace.clone(),
            name: resource.name.clone(),
        },
    }
}

impl Reviewer for Reviews {
    fn review_token<'a>(&'a self, token: &'a str) -> Answer<'a, Option<User>> {
        Box::pin(async move {
            let user = self.connection.review_token(token).await.map_err(failed)?;
            Ok(user.map(|user| User {
                name: user.name,
                uid: user.uid,
                groups: user.groups,
                extra: user.extra,
            }))
        })
    }

    fn review_access<'a>(&'a self, user: &'a User, attributes: &'a Attributes) -> Answer<'a, Decision> {
        Box::pin(async move {
            let decision = self.connection.allowed(&told(user), &wanted(attributes)).await.map_err(failed)?;
            Ok(Decision { allowed: decision.allowed, reason: decision.reason })
        })
    }

    fn authorities(&self) -> Answer<'_, Authorities> {
        Box::pin(async move {
            if !self.lookup {
                return Ok(Authorities::default());
            }
            let told = self.connection.front_proxy_config().await.map_err(failed)?;
            let front_proxy = told.ca.map(|ca| FrontProxy {
                ca: ca.into_bytes(),
                allowed_names: told.allowed_names,
                username_headers: told.username_headers,
                uid_headers: told.uid_headers,
                group_headers: told.group_headers,
                extra_prefixes: told.extra_header_prefixes,
            });
            Ok(Authorities { client_ca: told.client_ca.map(String::into_bytes), front_proxy })
        })
    }
}
