//! Runs scenarios against a server that listens somewhere and has their accounts.

use super::pattern::{Variables, matches, substitute};
use super::{ClientName, Scenario, Step};
use crate::client::{Client, Login, Resumption, befriend};
use crate::server::{Kind, PASSWORD};
use crate::transport::Endpoint;
use crate::xml::{Content, Element};
use anyhow::{Context, Result, bail, ensure};
use std::collections::BTreeMap;

/// How a scenario ended.
#[derive(Debug)]
pub enum Outcome {
    /// As written.
    Passed,
    /// Not as written, and that is known of this server.
    Deviated(String),
    /// Not as written.
    Failed(anyhow::Error),
}

/// Runs scenarios against one server.
pub struct Runner {
    /// Where it listens.
    pub endpoint: Endpoint,
    /// Password of all accounts.
    pub password: String,
    /// Which server it is, when known: its deviations are then expected.
    pub kind: Option<Kind>,
}

struct Stage<'a> {
    runner: &'a Runner,
    scenario: &'a Scenario,
    clients: BTreeMap<String, Client>,
    variables: Variables,
}

impl Runner {
    /// For a server of our own.
    pub fn new(endpoint: Endpoint, kind: Kind) -> Self {
        Self { endpoint, password: PASSWORD.to_owned(), kind: Some(kind) }
    }

    /// Runs one scenario to its end or its first failure.
    pub async fn run(&self, scenario: &Scenario) -> Outcome {
        let domain = self.endpoint.domain.clone();
        let mut variables = Variables::from([("domain".to_owned(), domain.clone())]);
        for ClientName { name, account, resource } in &scenario.clients {
            variables.insert(name.clone(), format!("{account}@{domain}"));
            variables.insert(format!("{name}.full"), format!("{account}@{domain}/{resource}"));
        }
        let mut stage = Stage { runner: self, scenario, clients: BTreeMap::new(), variables };
        for (line, step) in &scenario.steps {
            if let Err(error) = stage.play(step).await {
                let known = scenario.deviations.iter().find(|(kind, _)| Some(*kind) == self.kind);
                return match known {
                    Some((_, why)) => Outcome::Deviated(why.clone()),
                    None => Outcome::Failed(error.context(format!("{}.txt:{line}", scenario.name))),
                };
            }
        }
        for (_, client) in stage.clients {
            // The scenario is over; how the server takes leave is not its subject.
            if !client.is_dropped() {
                let _ = client.close().await;
            }
        }
        Outcome::Passed
    }
}

impl Stage<'_> {
    async fn play(&mut self, step: &Step) -> Result<()> {
        match step {
            Step::Send(name, block) => self.send(name, block).await,
            Step::Receive(name, block) => self.receive(name, block).await,
            Step::Befriend(one, other) => self.befriend(one, other).await,
            Step::Disconnected(name, condition) => {
                self.disconnected(name, condition.as_deref()).await
            }
            Step::ReceiveNothing(names) => self.receive_nothing(names).await,
            Step::Connect(names) => self.each(names, Each::Connect).await,
            Step::ComeOnline(names) => self.each(names, Each::ComeOnline).await,
            Step::EnableSm(names) => self.each(names, Each::EnableSm).await,
            Step::Drop(names) => self.each(names, Each::Drop).await,
            Step::Resume(names) => self.each(names, Each::Resume).await,
            Step::FailToResume(names) => self.each(names, Each::FailToResume).await,
            Step::Disconnect(names) => self.each(names, Each::Disconnect).await,
            Step::Sync(names) => self.each(names, Each::Sync).await,
            Step::Forget(names) => self.each(names, Each::Forget).await,
        }
    }

    async fn each(&mut self, names: &[String], what: Each) -> Result<()> {
        for name in names {
            self.one(name, what).await.with_context(|| format!("{name}, {what:?}"))?;
        }
        Ok(())
    }

    async fn one(&mut self, name: &str, what: Each) -> Result<()> {
        match what {
            Each::Connect => self.connect(name).await,
            Each::ComeOnline => {
                if !self.clients.contains_key(name) {
                    self.connect(name).await?;
                }
                self.client(name)?.come_online().await
            }
            Each::EnableSm => self.client(name)?.enable_sm().await,
            Each::Drop => {
                self.client(name)?.drop_connection();
                Ok(())
            }
            Each::Resume | Each::FailToResume => self.resume(name, what).await,
            Each::Disconnect => {
                let client = self.clients.remove(name).context("is not connected")?;
                client.close().await
            }
            Each::Sync => self.client(name)?.sync().await,
            Each::Forget => {
                let client = self.client(name)?;
                client.sync().await?;
                client.inbox().clear();
                Ok(())
            }
        }
    }

    fn client(&mut self, name: &str) -> Result<&mut Client> {
        self.clients.get_mut(name).with_context(|| format!("{name} is not connected"))
    }
    fn account(&self, name: &str) -> Result<&ClientName> {
        self.scenario.clients.iter().find(|c| c.name == name).context("no such client")
    }
    fn login(&self, name: &str) -> Result<Login> {
        let ClientName { account, resource, .. } = self.account(name)?;
        Ok(Login::new(account, &self.runner.password, resource))
    }

    async fn connect(&mut self, name: &str) -> Result<()> {
        let client = Client::login(&self.runner.endpoint, &self.login(name)?).await?;
        self.variables.insert(format!("{name}.full"), client.jid.clone());
        self.clients.insert(name.to_owned(), client);
        Ok(())
    }

    async fn resume(&mut self, name: &str, what: Each) -> Result<()> {
        let old = self.clients.remove(name).context("was never connected")?;
        let state = old.sm.context("has no stream management")?;
        let login = self.login(name)?;
        match (Client::resume(&self.runner.endpoint, &login, state).await?, what) {
            (Resumption::Resumed(client), Each::Resume) => {
                self.clients.insert(name.to_owned(), *client);
                Ok(())
            }
            (Resumption::Refused(mut client, ..), Each::FailToResume) => {
                client.bind(login.resource.as_deref()).await?;
                self.clients.insert(name.to_owned(), *client);
                Ok(())
            }
            (Resumption::Resumed(_), _) => bail!("was resumed and should not have been"),
            (Resumption::Refused(..), _) => bail!("was not resumed"),
        }
    }

    async fn befriend(&mut self, one: &str, other: &str) -> Result<()> {
        befriend(&self.runner.endpoint, &self.login(one)?, &self.login(other)?).await
    }

    async fn send(&mut self, name: &str, block: &str) -> Result<()> {
        let elements = elements(&substitute(block, &self.variables))?;
        let client = self.client(name)?;
        for element in elements {
            client.send(&element.to_string()).await?;
        }
        Ok(())
    }

    async fn receive(&mut self, name: &str, block: &str) -> Result<()> {
        for pattern in elements(&substitute(block, &self.variables))? {
            let client = self.client(name)?;
            let found =
                client.expect(&format!("{pattern}"), |e| matches(&pattern, e).is_some()).await?;
            if let Some(mut captured) = matches(&pattern, &found) {
                self.variables.append(&mut captured);
            }
        }
        Ok(())
    }

    async fn receive_nothing(&mut self, names: &[String]) -> Result<()> {
        // Whatever anybody sent has been handled once everybody has had an answer; what that caused arrives before
        // the answer to a second question.
        for client in self.clients.values_mut().filter(|c| !c.is_dropped()) {
            client.sync().await?;
        }
        for name in names {
            let client = self.client(name)?;
            client.sync().await?;
            let left: Vec<String> = client.inbox().drain(..).map(|e| e.to_string()).collect();
            ensure!(
                left.is_empty(),
                "{name} received, and should not have:\n  {}",
                left.join("\n  ")
            );
        }
        Ok(())
    }

    async fn disconnected(&mut self, name: &str, condition: Option<&str>) -> Result<()> {
        let mut client = self.clients.remove(name).context("is not connected")?;
        let error = client.expect_end().await?;
        if let Some(condition) = condition {
            let error = error.context("the stream ended without an error")?;
            ensure!(error.children().any(|c| c.name == condition), "the stream error is {error}");
        }
        Ok(())
    }
}

/// A step for each of several clients.
#[derive(Clone, Copy, Debug)]
enum Each {
    Connect,
    ComeOnline,
    EnableSm,
    Drop,
    Resume,
    FailToResume,
    Disconnect,
    Sync,
    Forget,
}

/// The elements of a block, without the white space that only indents.
fn elements(block: &str) -> Result<Vec<Element>> {
    let all = Element::parse(&format!("<all>{block}</all>"))?;
    Ok(all.children().cloned().map(without_indentation).collect())
}

fn without_indentation(mut element: Element) -> Element {
    let has_children = element.children().next().is_some();
    if has_children {
        element.content.retain(|c| !matches!(c, Content::Text(t) if t.trim().is_empty()));
    }
    for content in &mut element.content {
        if let Content::Element(child) = content {
            *child = without_indentation(child.clone());
        }
    }
    element
}
