//! Whether JSON text is in the one form that is signed and logged (RFC 8785, less what psi_core/log/jcs.py refuses).
//!
//! A yes is final; a no is not: keys that are not plain ASCII are left to the Python reference, which also says what
//! is wrong.

const MAX_DEPTH: u32 = 16;
const MAX_INTEGER: u64 = (1 << 53) - 1;

/// Whether `data` is one canonical value: no white space, integers within 2^53 - 1, ASCII keys in ascending order.
pub fn is_canonical(data: &[u8]) -> bool {
    if std::str::from_utf8(data).is_err() {
        return false;
    }
    let mut text = Text { data, at: 0 };
    text.value(0).is_some() && text.at == data.len()
}

struct Text<'a> {
    data: &'a [u8],
    at: usize,
}

impl<'a> Text<'a> {
    fn peek(&self) -> Option<u8> {
        self.data.get(self.at).copied()
    }

    fn take(&mut self, expected: u8) -> Option<()> {
        if self.peek()? == expected {
            self.at += 1;
            return Some(());
        }
        None
    }

    fn word(&mut self, word: &[u8]) -> Option<()> {
        self.data[self.at..].starts_with(word).then(|| self.at += word.len())
    }

    fn value(&mut self, depth: u32) -> Option<()> {
        match self.peek()? {
            b'{' if depth < MAX_DEPTH => self.object(depth + 1),
            b'[' if depth < MAX_DEPTH => self.array(depth + 1),
            b'"' => self.string().map(|_| ()),
            b't' => self.word(b"true"),
            b'f' => self.word(b"false"),
            b'n' => self.word(b"null"),
            _ => self.integer(),
        }
    }

    fn object(&mut self, depth: u32) -> Option<()> {
        self.take(b'{')?;
        if self.take(b'}').is_some() {
            return Some(());
        }
        let mut before: Option<&'a [u8]> = None;
        loop {
            let key = self.string()?;
            // RFC 8785 section 3.2.3 sorts by UTF-16 code units: for plain ASCII that is the order of the bytes.
            if !key.is_ascii() || key.contains(&b'\\') || before.is_some_and(|before| before >= key) {
                return None;
            }
            before = Some(key);
            self.take(b':')?;
            self.value(depth)?;
            if self.take(b',').is_none() {
                return self.take(b'}');
            }
        }
    }

    fn array(&mut self, depth: u32) -> Option<()> {
        self.take(b'[')?;
        if self.take(b']').is_some() {
            return Some(());
        }
        loop {
            self.value(depth)?;
            if self.take(b',').is_none() {
                return self.take(b']');
            }
        }
    }

    /// The text between the quotes, as it is written.
    fn string(&mut self) -> Option<&'a [u8]> {
        self.take(b'"')?;
        let start = self.at;
        loop {
            match self.peek()? {
                b'"' => {
                    self.at += 1;
                    return Some(&self.data[start..self.at - 1]);
                }
                b'\\' => self.escape()?,
                0..=0x1f => return None,
                _ => self.at += 1,
            }
        }
    }

    /// RFC 8785 section 3.2.2.2: the short escapes, and \u00 with lower-case digits for other control characters.
    fn escape(&mut self) -> Option<()> {
        self.take(b'\\')?;
        let kind = self.peek()?;
        self.at += 1;
        match kind {
            b'"' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't' => Some(()),
            b'u' => {
                self.word(b"00")?;
                let (high, low) = (self.peek()?, *self.data.get(self.at + 1)?);
                self.at += 2;
                let short = high == b'0' && matches!(low, b'8' | b'9' | b'a' | b'c' | b'd');
                let control = matches!(high, b'0' | b'1') && matches!(low, b'0'..=b'9' | b'a'..=b'f');
                (control && !short).then_some(())
            }
            _ => None,
        }
    }

    fn integer(&mut self) -> Option<()> {
        let negative = self.take(b'-').is_some();
        let start = self.at;
        let mut value = 0u64;
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            self.at += 1;
            value = value * 10 + u64::from(digit - b'0');
            if value > MAX_INTEGER {
                return None;
            }
        }
        let digits = self.at - start;
        let leading = digits > 1 && self.data[start] == b'0';
        (digits > 0 && !leading && !(negative && value == 0)).then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_text_is_told_from_other() {
        for good in [
            r#"{"a":[1,-1,0,9007199254740991],"b":{"":"\u001f\n\"\\","c":null},"d":true}"#,
            "\"\u{2028}\u{7f}/\u{1f600}\"",
            "[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]",
            "{}",
        ] {
            assert!(is_canonical(good.as_bytes()), "{good}");
        }
        for bad in [
            "",
            " 1",
            "1 ",
            "1.0",
            "1e3",
            "01",
            "-0",
            "-",
            "9007199254740992",
            "tru",
            "[1,]",
            "[,1]",
            "{\"a\"}",
            r#"{"a":1,"a":2}"#,
            r#"{"b":1,"a":2}"#,
            r#"{"a":1,}"#,
            r#""\/""#,
            r#""\u0061""#,
            r#""\u000A""#,
            r#""\u000a""#,
            r#""\u001F""#,
            "\"\n\"",
            "\"",
            "\"\\",
            "\"\\u00",
            "1 2",
            "[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]",
        ] {
            assert!(!is_canonical(bad.as_bytes()), "{bad}");
        }
        assert!(!is_canonical(b"\"\xff\""));
        assert!(!is_canonical(b"\"\xed\xa0\x80\""));
    }
}
