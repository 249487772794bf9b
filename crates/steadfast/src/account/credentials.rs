//! Passwords become SCRAM verifiers here, in the process that was given them, so that they travel no further.

use super::csv::User;
use anyhow::{Result, anyhow};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::num::NonZeroU32;
use xmpp::credentials::{Credentials, ITERATIONS, SALT_BYTES};

/// Verifiers of a password, as a request carries them. Takes milliseconds.
pub(crate) fn verifiers(password: &str, iterations: u64) -> Result<String> {
    let mut salt = [0; SALT_BYTES];
    aws_lc_rs::rand::fill(&mut salt).map_err(|_| anyhow!("the system gives no random numbers"))?;
    let iterations = u32::try_from(iterations).ok().and_then(NonZeroU32::new);
    let credentials = Credentials::from_password(password, salt, iterations.unwrap_or(ITERATIONS))?;
    Ok(STANDARD.encode(credentials.encode()))
}

/// Verifiers of many, on all cores, in the same order.
pub(crate) fn verifiers_of_all(users: &[&User], iterations: u64) -> Vec<Result<String>> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let share = users.len().div_ceil(threads).max(1);
    let of_share = |share: &[&User]| -> Vec<Result<String>> {
        share.iter().map(|user| verifiers(&user.password, iterations)).collect()
    };
    std::thread::scope(|scope| {
        let shares: Vec<_> =
            users.chunks(share).map(|share| scope.spawn(move || of_share(share))).collect();
        let mut all = Vec::with_capacity(users.len());
        for (share, handle) in users.chunks(share).zip(shares) {
            match handle.join() {
                Ok(verifiers) => all.extend(verifiers),
                Err(_) => {
                    all.extend(share.iter().map(|_| Err(anyhow!("hashing the password failed"))))
                }
            }
        }
        all
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use xmpp::jid::BareJid;

    #[test]
    fn each_user_gets_verifiers_of_their_own_password() {
        let users: Vec<User> = (0..7)
            .map(|n| User {
                jid: BareJid::parse(&format!("u{n}@x.example")).unwrap(),
                password: format!("pw{n}"),
            })
            .collect();
        let all = verifiers_of_all(&users.iter().collect::<Vec<_>>(), 4_096);
        assert_eq!(all.len(), users.len());
        for (user, verifiers) in users.iter().zip(all) {
            let bytes = STANDARD.decode(verifiers.unwrap()).unwrap();
            assert!(Credentials::decode(&bytes).unwrap().verify_password(&user.password));
        }
    }

    #[test]
    fn what_cannot_be_a_password_is_refused() {
        assert!(verifiers("", 4_096).is_err());
        assert!(verifiers("\u{7}", 4_096).is_err());
    }
}
