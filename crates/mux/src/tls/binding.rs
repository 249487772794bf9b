//! Channel bindings: values that both ends of one TLS session know and nobody between them can have.

use aws_lc_rs::digest;
use bytes::Bytes;
use rustls::SupportedCipherSuite;
use rustls::crypto::tls13::OkmBlock;

/// RFC 9266 §2: the label of the exporter.
const EXPORTER_LABEL: &[u8] = b"EXPORTER-Channel-Binding";
/// RFC 9266 §2: the length of its value.
const EXPORTER_BYTES: usize = 32;

/// The tls-exporter value, from TLS 1.3's exporter secret (RFC 8446 §7.5); `None` for TLS 1.2, whose exporter is safe
/// only with the extended master secret (RFC 9266 §4.2).
///
/// rustls computes this itself, but not for its unbuffered connections, which are half as large.
pub(crate) fn exporter(
    suite: SupportedCipherSuite,
    secret: &OkmBlock,
) -> Option<[u8; EXPORTER_BYTES]> {
    let SupportedCipherSuite::Tls13(suite) = suite else {
        return None;
    };
    let empty_hash = suite.common.hash_provider.start().finish();
    let derived = {
        let expander = suite.hkdf_provider.expander_for_okm(secret);
        let info = label_info(expander.hash_len(), EXPORTER_LABEL, empty_hash.as_ref());
        expander.expand_block(&[&info])
    };
    let mut value = [0; EXPORTER_BYTES];
    let info = label_info(EXPORTER_BYTES, b"exporter", empty_hash.as_ref());
    let expander = suite.hkdf_provider.expander_for_okm(&derived);
    expander.expand_slice(&[&info], &mut value).ok()?;
    Some(value)
}

/// `HkdfLabel` of RFC 8446 §7.1. Labels and contexts here are constants and hashes, far below 255 bytes.
fn label_info(length: usize, label: &[u8], context: &[u8]) -> Vec<u8> {
    const PREFIX: &[u8] = b"tls13 ";
    let mut info = Vec::with_capacity(4 + PREFIX.len() + label.len() + context.len());
    info.extend_from_slice(&(length as u16).to_be_bytes());
    info.push((PREFIX.len() + label.len()) as u8);
    info.extend_from_slice(PREFIX);
    info.extend_from_slice(label);
    info.push(context.len() as u8);
    info.extend_from_slice(context);
    info
}

/// The tls-server-end-point value: the hash of our certificate, by the hash of the algorithm that signed it, SHA-256 in
/// place of MD5 and SHA-1 (RFC 5929 §4.1). `None` where that algorithm has no hash of its own, as Ed25519.
pub(crate) fn end_point(certificate: &[u8]) -> Option<Bytes> {
    let algorithm = match signature_hash(certificate)? {
        Hash::Sha256 => &digest::SHA256,
        Hash::Sha384 => &digest::SHA384,
        Hash::Sha512 => &digest::SHA512,
    };
    Some(Bytes::copy_from_slice(digest::digest(algorithm, certificate).as_ref()))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

/// Signature algorithms by the bytes of their object identifier, with the hash to use.
const SIGNATURES: [(&[u8], Hash); 10] = [
    // 1.2.840.113549.1.1.*: RSA with MD5, SHA-1, SHA-256, SHA-384, SHA-512.
    (b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x04", Hash::Sha256),
    (b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05", Hash::Sha256),
    (b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b", Hash::Sha256),
    (b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c", Hash::Sha384),
    (b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d", Hash::Sha512),
    // 1.2.840.10045.4.1 and .3.*: ECDSA with SHA-1, SHA-224 (hashed as such by nobody), SHA-256, SHA-384, SHA-512.
    (b"\x2a\x86\x48\xce\x3d\x04\x01", Hash::Sha256),
    (b"\x2a\x86\x48\xce\x3d\x04\x03\x02", Hash::Sha256),
    (b"\x2a\x86\x48\xce\x3d\x04\x03\x03", Hash::Sha384),
    (b"\x2a\x86\x48\xce\x3d\x04\x03\x04", Hash::Sha512),
    // 2.16.840.1.101.3.4.3.2: DSA with SHA-256.
    (b"\x60\x86\x48\x01\x65\x03\x04\x03\x02", Hash::Sha256),
];
/// 1.2.840.113549.1.1.10: RSASSA-PSS, whose parameters name the hash.
const RSASSA_PSS: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a";
/// Hashes as RSASSA-PSS names them: 2.16.840.1.101.3.4.2.*.
const HASHES: [(&[u8], Hash); 3] = [
    (b"\x60\x86\x48\x01\x65\x03\x04\x02\x01", Hash::Sha256),
    (b"\x60\x86\x48\x01\x65\x03\x04\x02\x02", Hash::Sha384),
    (b"\x60\x86\x48\x01\x65\x03\x04\x02\x03", Hash::Sha512),
];

const SEQUENCE: u8 = 0x30;
const OBJECT_IDENTIFIER: u8 = 0x06;
const CONTEXT_0: u8 = 0xa0;

fn signature_hash(certificate: &[u8]) -> Option<Hash> {
    let (certificate, _) = der_value(certificate, SEQUENCE)?;
    let (_tbs_certificate, rest) = der_value(certificate, SEQUENCE)?;
    let (algorithm, _) = der_value(rest, SEQUENCE)?;
    let (identifier, parameters) = der_value(algorithm, OBJECT_IDENTIFIER)?;
    if identifier != RSASSA_PSS {
        return SIGNATURES.iter().find(|(known, _)| *known == identifier).map(|(_, hash)| *hash);
    }
    let (parameters, _) = der_value(parameters, SEQUENCE)?;
    let Some((hash, _)) = der_value(parameters, CONTEXT_0) else {
        return Some(Hash::Sha256); // the default is SHA-1
    };
    let (hash, _) = der_value(hash, SEQUENCE)?;
    let (identifier, _) = der_value(hash, OBJECT_IDENTIFIER)?;
    HASHES.iter().find(|(known, _)| *known == identifier).map(|(_, hash)| *hash)
}

/// The content of the DER value with this tag at the front, and what follows it.
fn der_value(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&[found, first], rest) = bytes.split_first_chunk()?;
    if found != tag {
        return None;
    }
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (length, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (length.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate(algorithm: &'static rcgen::SignatureAlgorithm) -> Vec<u8> {
        let key = rcgen::KeyPair::generate_for(algorithm).unwrap();
        let params = rcgen::CertificateParams::new(vec!["example.org".to_owned()]).unwrap();
        params.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn the_end_point_is_hashed_as_the_certificate_was_signed() {
        let sha256 = certificate(&rcgen::PKCS_ECDSA_P256_SHA256);
        let expect = digest::digest(&digest::SHA256, &sha256);
        assert_eq!(end_point(&sha256).unwrap(), expect.as_ref());
        let sha384 = certificate(&rcgen::PKCS_ECDSA_P384_SHA384);
        let expect = digest::digest(&digest::SHA384, &sha384);
        assert_eq!(end_point(&sha384).unwrap(), expect.as_ref());
        assert_eq!(end_point(&certificate(&rcgen::PKCS_ED25519)), None);
    }

    /// A certificate with an empty body and the given signature algorithm.
    fn signed_with(algorithm: &[u8]) -> Vec<u8> {
        let wrap = |content: &[u8]| [&[SEQUENCE, content.len() as u8], content].concat();
        wrap(&[wrap(&[]), wrap(algorithm)].concat())
    }

    #[test]
    fn old_and_rare_algorithms_have_the_hash_of_the_rfc() {
        let oid = |id: &[u8]| [&[OBJECT_IDENTIFIER, id.len() as u8], id].concat();
        for (id, hash) in SIGNATURES {
            assert_eq!(signature_hash(&signed_with(&oid(id))), Some(hash));
        }
        let pss_default = [oid(RSASSA_PSS), vec![SEQUENCE, 0]].concat();
        assert_eq!(signature_hash(&signed_with(&pss_default)), Some(Hash::Sha256));
        let hash = oid(HASHES[2].0);
        let hash = [&[SEQUENCE, hash.len() as u8][..], &hash].concat();
        let hash = [&[CONTEXT_0, hash.len() as u8][..], &hash].concat();
        let pss = [oid(RSASSA_PSS), vec![SEQUENCE, hash.len() as u8], hash].concat();
        assert_eq!(signature_hash(&signed_with(&pss)), Some(Hash::Sha512));
    }

    #[test]
    fn a_cut_certificate_has_no_end_point_and_does_no_harm() {
        let whole = certificate(&rcgen::PKCS_ECDSA_P256_SHA256);
        for cut in 0..whole.len() {
            assert_eq!(signature_hash(&whole[..cut]), None);
        }
    }
}
