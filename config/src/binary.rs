//! Files that are no text: their keys hold them in base64.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The bytes of a file. Line breaks and blanks are passed over, as `base64` writes them.
///
/// The message never holds the text.
pub fn decode(text: &str) -> Result<Vec<u8>, String> {
    let text: String = text.split_ascii_whitespace().collect();
    STANDARD.decode(text).map_err(|_| {
        "it is not base64, which a binary file has in the store; write it with `base64 FILE`, or \
         put the file itself into the data"
            .to_owned()
    })
}

/// What the key of a file with these bytes holds.
pub fn encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_bytes_come_back() {
        let bytes: Vec<u8> = (0..=u8::MAX).collect();
        for length in 0..bytes.len() {
            let text = encode(&bytes[..length]);
            assert_eq!(decode(&text).unwrap(), &bytes[..length]);
        }
        let lines = encode(&bytes).chars().collect::<Vec<_>>();
        let lines: Vec<String> = lines.chunks(76).map(|line| line.iter().collect()).collect();
        assert_eq!(decode(&(lines.join("\n") + "\n")).unwrap(), bytes);
    }

    #[test]
    fn what_is_not_base64() {
        for text in ["a", "=", "YQ", "Y-_=", "sesame!"] {
            let message = decode(text).unwrap_err();
            assert!(message.contains("base64 FILE") && !message.contains("sesame"), "{message}");
        }
    }
}
