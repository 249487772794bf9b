//! One call on a connection: frames of messages in both directions, and the status at the end.
//!
//! Waiting for a message may be given up at any time and taken up again: what has arrived stays in the buffer. The buffer is bounded
//! by one message of at most [`MESSAGE_BYTES_MAX`].

use super::MESSAGE_BYTES_MAX;
use crate::failure::{Failure, Status, code};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use h2::client::ResponseFuture;
use h2::{Reason, RecvStream, SendStream};
use http::{HeaderMap, StatusCode};
use prost::Message;
use std::sync::{Arc, OnceLock};

/// A frame's flag (compressed or not) and its length.
const FRAME_HEAD_BYTES: usize = 5;

/// A call that is under way.
pub(crate) struct Stream {
    send: SendStream<Bytes>,
    receive: Receive,
    buffer: BytesMut,
    /// Why the connection ended, if it did.
    end: Arc<OnceLock<String>>,
}

/// How far the answer has come.
enum Receive {
    /// Nothing yet.
    AwaitHead(ResponseFuture),
    /// Messages, and then trailers.
    AwaitBody(RecvStream),
    /// The status was OK.
    Finished,
}

impl Stream {
    pub(super) fn new(
        head: ResponseFuture,
        send: SendStream<Bytes>,
        end: Arc<OnceLock<String>>,
    ) -> Self {
        Self { send, receive: Receive::AwaitHead(head), buffer: BytesMut::new(), end }
    }

    /// Queues a message; `last` says that none follows.
    pub(crate) fn send<Q: Message>(&mut self, message: &Q, last: bool) -> Result<(), Failure> {
        let length = message.encoded_len();
        let Ok(length_32) = u32::try_from(length) else {
            return Err(Failure::NotSent(format!("a request of {length} bytes")));
        };
        let mut frame = BytesMut::with_capacity(FRAME_HEAD_BYTES + length);
        frame.put_u8(0);
        frame.put_u32(length_32);
        if message.encode(&mut frame).is_err() {
            return Err(Failure::NotSent("the request cannot be encoded".to_owned()));
        }
        // From here on nobody can say that it was not sent.
        self.send.send_data(frame.freeze(), last).map_err(|error| self.lost(&error))
    }

    /// The next message; `None` when the call ended well.
    pub(crate) async fn message<A: Message + Default>(&mut self) -> Result<Option<A>, Failure> {
        loop {
            if let Some(frame) = self.take_frame()? {
                return match A::decode(frame) {
                    Ok(message) => Ok(Some(message)),
                    Err(error) => Err(Failure::Lost(format!("the answer is not etcd's: {error}"))),
                };
            }
            match &mut self.receive {
                Receive::Finished => return Ok(None),
                Receive::AwaitHead(head) => {
                    let response = head.await;
                    let response = response.map_err(|error| self.lost(&error))?;
                    if response.status() != StatusCode::OK {
                        let status = response.status();
                        return Err(Failure::Lost(format!("answers with HTTP status {status}")));
                    }
                    if response.headers().contains_key("grpc-status") {
                        self.receive = Receive::Finished;
                        status_of(response.headers())?;
                    } else {
                        self.receive = Receive::AwaitBody(response.into_body());
                    }
                }
                Receive::AwaitBody(body) => match body.data().await {
                    Some(Ok(chunk)) => {
                        // Taken off the window at once: the buffer is bounded by the length of the message.
                        _ = body.flow_control().release_capacity(chunk.len());
                        self.buffer.extend_from_slice(&chunk);
                    }
                    Some(Err(error)) => return Err(self.lost(&error)),
                    None => {
                        let trailers = body.trailers().await.map_err(|error| self.lost(&error))?;
                        self.receive = Receive::Finished;
                        status_of(&trailers.unwrap_or_default())?;
                    }
                },
            }
        }
    }

    /// The next whole frame in the buffer, without its head.
    fn take_frame(&mut self) -> Result<Option<Bytes>, Failure> {
        let Some((head, rest)) = self.buffer.split_first_chunk::<FRAME_HEAD_BYTES>() else {
            return Ok(None);
        };
        let [compressed, length @ ..] = *head;
        let length = u32::from_be_bytes(length) as usize;
        if compressed != 0 {
            return Err(Failure::Lost(
                "the answer is compressed, which was not asked for".to_owned(),
            ));
        }
        if length > MESSAGE_BYTES_MAX {
            return Err(Failure::Lost(format!(
                "the answer has {length} bytes, more than {MESSAGE_BYTES_MAX}"
            )));
        }
        if rest.len() < length {
            return Ok(None);
        }
        self.buffer.advance(FRAME_HEAD_BYTES);
        Ok(Some(self.buffer.split_to(length).freeze()))
    }

    fn lost(&self, error: &h2::Error) -> Failure {
        let text = self.end.get().cloned().unwrap_or_else(|| error.to_string());
        // RFC 9113 §8.7: a refused stream was not processed. TLS 1.3 refuses a certificate after the handshake.
        if error.is_reset() && error.reason() == Some(Reason::REFUSED_STREAM) {
            Failure::NotSent(text)
        } else if text.contains("received fatal alert") {
            Failure::Distrust(format!("it does not take our certificate: {text}"))
        } else {
            Failure::Lost(text)
        }
    }
}

/// The status a call ended with.
fn status_of(headers: &HeaderMap) -> Result<(), Failure> {
    let Some(status) = headers.get("grpc-status") else {
        return Err(Failure::Lost("the call ended without a status".to_owned()));
    };
    let code = status.to_str().ok().and_then(|s| s.parse().ok()).unwrap_or(code::UNKNOWN);
    if code == 0 {
        return Ok(());
    }
    let message = headers
        .get("grpc-message")
        .map_or_else(|| format!("gRPC status {code}"), |value| percent_decoded(value.as_bytes()));
    Err(Failure::Status(Status { code, message }))
}

/// gRPC writes what is not printable ASCII as `%` and two hexadecimal digits. What cannot be decoded stays as it is.
fn percent_decoded(text: &[u8]) -> String {
    let digit = |at: usize| text.get(at).and_then(|b| char::from(*b).to_digit(16));
    let mut bytes = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        match (byte, digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push(u8::try_from(high * 16 + low).unwrap_or(b'?'));
                at += 3;
            }
            _ => {
                bytes.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn a_status_message_is_decoded() {
        for (text, expect) in [
            ("plain", "plain"),
            ("a%3A%20b", "a: b"),
            ("50%", "50%"),
            ("%zz", "%zz"),
            ("%C3%A9", "é"),
        ] {
            assert_eq!(percent_decoded(text.as_bytes()), expect);
        }
    }

    #[test]
    fn an_end_without_a_status_is_no_success() {
        let mut headers = HeaderMap::new();
        assert!(matches!(status_of(&headers), Err(Failure::Lost(_))));
        headers.insert("grpc-status", HeaderValue::from_static("0"));
        assert_eq!(status_of(&headers), Ok(()));
        headers.insert("grpc-status", HeaderValue::from_static("nonsense"));
        assert!(matches!(
            status_of(&headers),
            Err(Failure::Status(Status { code: code::UNKNOWN, .. }))
        ));
    }
}
