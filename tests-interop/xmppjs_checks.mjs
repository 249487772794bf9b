// xmpp.js talks through the server: login by STARTTLS, presence, chat, ping, roster, reconnection and resumption after kill -9.
//
// Run by `cargo xtask interop xmppjs`, which says where the modules and the binaries are.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import readline from "node:readline";

process.env.NODE_TLS_REJECT_UNAUTHORIZED = "0"; // certificates made a moment ago
process.removeAllListeners("warning");
const require = createRequire(`${process.env.INTEROP_NODE_MODULES}/`);
const { client, xml } = await import(require.resolve("@xmpp/client"));

const PATIENCE = 20_000;

function within(promise, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: nothing after ${PATIENCE} ms`)), PATIENCE);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

class Server {
  static async start(...users) {
    const server = new Server();
    const kind = process.env.INTEROP_SERVER ?? "steadfast";
    server.process = spawn(process.env.TESTKIT_BIN, ["serve", "--server", kind, ...users], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    server.lines = readline.createInterface({ input: server.process.stdout })[Symbol.asyncIterator]();
    const [word, facts] = (await server.line()).split(/ (.*)/s);
    if (word !== "ready") throw new Error(`testkit did not start a server: ${word}`);
    server.facts = Object.fromEntries(facts.split("\t").map((fact) => fact.split(/=(.*)/s)));
    return server;
  }
  async line() {
    return (await this.lines.next()).value ?? "";
  }
  async order(order) {
    this.process.stdin.write(`${order}\n`);
    const answer = await this.line();
    if (answer !== "done") throw new Error(`${order}: ${answer}`);
  }
  async stop() {
    this.process.stdin.end();
    await once(this.process, "exit");
  }
  client(username, resource) {
    const xmpp = client({
      service: `xmpp://${this.facts.plain}`,
      domain: "localhost",
      username,
      resource,
      password: this.facts.password,
    });
    xmpp.heard = [];
    xmpp.on("error", () => {}); // a killed server is what we are here for
    xmpp.on("stanza", (stanza) => xmpp.heard.push(stanza));
    return xmpp;
  }
}

async function stanza(xmpp, what, wanted) {
  const found = xmpp.heard.find(wanted);
  if (found) return found;
  return within(
    new Promise((resolve) => xmpp.on("stanza", (s) => wanted(s) && resolve(s))),
    what,
  );
}

const chat = (to, text) => xml("message", { type: "chat", to }, xml("body", {}, text));
const says = (text) => (s) => s.is("message") && s.getChildText("body") === text;

async function loginPresenceAndChat(server) {
  const romeo = server.client("romeo", "orchard");
  const juliet = server.client("juliet", "balcony");
  const address = await within(romeo.start(), "login");
  if (address.toString() !== "romeo@localhost/orchard") throw new Error(`bound ${address}`);
  await within(juliet.start(), "login");
  await romeo.send(xml("presence"));
  await juliet.send(xml("presence"));
  await stanza(juliet, "own presence", (s) => s.is("presence"));
  await romeo.send(chat("juliet@localhost", "hello over there"));
  const message = await stanza(juliet, "message", says("hello over there"));
  if (message.attrs.from !== "romeo@localhost/orchard") throw new Error(message.toString());
  await romeo.stop();
  await juliet.stop();
}

async function requestsAreAnswered(server) {
  const romeo = server.client("romeo", "orchard");
  await within(romeo.start(), "login");
  const { iqCaller } = romeo;
  await iqCaller.get(xml("ping", "urn:xmpp:ping"), "localhost", PATIENCE);
  const roster = await iqCaller.get(xml("query", "jabber:iq:roster"), undefined, PATIENCE);
  if (roster.name !== "query") throw new Error(roster.toString());
  let refused = false;
  await iqCaller.get(xml("query", "urn:example:nobody-knows-this"), "localhost", PATIENCE).catch((error) => {
    refused = error.condition === "service-unavailable" || error.condition === "feature-not-implemented";
  });
  if (!refused) throw new Error("an unknown request was not refused");
  await romeo.stop();
}

async function theLibraryResumesByItselfAfterKill9(server) {
  const romeo = server.client("romeo", "orchard");
  const juliet = server.client("juliet", "balcony");
  await within(juliet.start(), "login");
  await juliet.send(xml("presence"));
  await stanza(juliet, "own presence", (s) => s.is("presence"));
  const resumed = once(juliet.streamManagement, "resumed");
  await server.order("kill");
  await server.order("start");
  await within(resumed, "resumption");
  await within(romeo.start(), "login");
  await romeo.send(chat("juliet@localhost/balcony", "still there?"));
  await stanza(juliet, "message", says("still there?"));
  await romeo.stop();
  await juliet.stop();
}

let failed = 0;
const checks = [loginPresenceAndChat, requestsAreAnswered, theLibraryResumesByItselfAfterKill9];
for (const check of checks) {
  const server = await Server.start("romeo", "juliet");
  try {
    await check(server);
    console.log(`  ok      xmpp.js: ${check.name}`);
  } catch (error) {
    failed += 1;
    console.log(`  FAILED  xmpp.js: ${check.name}\n`, error);
  }
  await server.stop();
}
console.log(`xmpp.js: ${checks.length - failed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
