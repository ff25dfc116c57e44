use super::*;

#[test]
fn the_shipped_book_is_read_and_every_price_has_its_source() {
    let book = PriceBook::from_toml(SHIPPED).unwrap();
    assert_eq!((PriceBook::shipped().iter().count(), book.iter().count()), (27, 27));
    for (name, price) in book.iter() {
        assert!(price.usd > Usd::ZERO && !price.source.is_empty(), "{name}");
        assert!(price.read.len() == 10 && price.read.starts_with("2026-"), "{name}: {}", price.read);
        assert_eq!(price.trust, Trust::SecondHand, "{name}");
    }
}

#[test]
fn costs_are_those_of_a_pocket_calculator() {
    let book = PriceBook::shipped();
    let minutes = |n: u64| Duration::from_secs(60 * n);
    for (name, usage, dollars) in [
        ("deepgram-nova-3", Usage::Audio(minutes(10)), 0.048),
        ("deepgram-nova-3", Usage::Socket(minutes(10)), 0.0),
        ("assemblyai-universal-3-6-pro", Usage::Socket(minutes(20)), 0.15),
        ("assemblyai-universal-3-6-pro", Usage::Audio(minutes(20)), 0.0),
        ("gpt-5-4-mini-input", Usage::Tokens(2_000), 0.0015),
        ("elevenlabs-flash-v2-5", Usage::Characters(240), 0.012),
        ("cloudflare-realtimekit-audio", Usage::Session(Duration::from_secs(10)), 0.0005),
        ("cloudflare-realtimekit-audio", Usage::Session(Duration::from_secs(70)), 0.001),
        ("cloudflare-realtimekit-audio", Usage::Session(Duration::from_secs(60)), 0.0005),
        ("cloudflare-realtimekit-audio", Usage::Session(Duration::ZERO), 0.0),
    ] {
        assert_eq!(book.get(name).unwrap().cost(usage).dollars(), dollars, "{name} {usage:?}");
    }
}

#[test]
fn what_cannot_be_priced_is_refused_with_its_remedy() {
    let book = |per: &str, billing: &str, usd: &str| {
        let text = format!(
            "[x]\nusd = {usd}\nper = \"{per}\"\nbilling = \"{billing}\"\ntrust = \"contract\"\nsource = \"\"\nread = \"\""
        );
        PriceBook::from_toml(&text).map_err(|error| error.to_string())
    };
    assert!(book("minute", "audio_seconds", "0").is_ok());
    assert!(book("minute", "tokens", "1").unwrap_err().contains("expected 1k_tokens or 1m_tokens"));
    assert!(book("1k_tokens", "audio_seconds", "1").unwrap_err().contains("second, minute or hour"));
    assert!(book("minute", "audio_seconds", "-1").unwrap_err().contains("not an amount of dollars"));
    assert!(book("minute", "audio_seconds", "nan").is_err());
    assert!(book("fortnight", "audio_seconds", "1").unwrap_err().contains("minute"));
    let unknown = PriceBook::shipped().get("deepgram-nova3").unwrap_err().to_string();
    assert!(unknown.contains("did you mean `deepgram-nova-3`?"), "{unknown}");
}
