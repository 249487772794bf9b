//! Mutual subscription between two accounts, made by two connections that come and go.

use super::{Client, Login};
use crate::transport::Endpoint;
use anyhow::Result;

/// Gives two accounts a mutual subscription (RFC 6121 §3.1) and logs both out again.
pub async fn befriend(endpoint: &Endpoint, one: &Login, other: &Login) -> Result<()> {
    let mut a = helper(endpoint, one).await?;
    let mut b = helper(endpoint, other).await?;
    subscribe(&mut a, &mut b).await?;
    subscribe(&mut b, &mut a).await?;
    a.close().await?;
    b.close().await
}

async fn helper(endpoint: &Endpoint, login: &Login) -> Result<Client> {
    let mut login = login.clone();
    login.resource = Some("befriending".to_owned());
    let mut client = Client::login(endpoint, &login).await?;
    client.come_online().await?;
    Ok(client)
}

/// Makes one client a subscriber of the other; both are online.
pub async fn subscribe(asks: &mut Client, grants: &mut Client) -> Result<()> {
    let (asking, granting) = (asks.bare().to_owned(), grants.bare().to_owned());
    asks.send(&format!("<presence type='subscribe' to='{granting}'/>")).await?;
    grants
        .expect("subscription request", |e| {
            e.attr("type") == Some("subscribe") && e.attr("from") == Some(&asking)
        })
        .await?;
    grants.send(&format!("<presence type='subscribed' to='{asking}'/>")).await?;
    asks.expect("subscription", |e| {
        e.attr("type") == Some("subscribed") && e.attr("from") == Some(&granting)
    })
    .await
    .map(drop)
}
