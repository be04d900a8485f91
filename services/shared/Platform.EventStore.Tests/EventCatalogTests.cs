namespace Platform.EventStore.Tests
{
    public sealed class EventCatalogTests
    {
        [Theory]
        [InlineData(typeof(AnomalyDetected), "anomaly_detected")]
        [InlineData(typeof(HTTPRequestReceived), "http_request_received")]
        [InlineData(typeof(Order2Placed), "order_2_placed")]
        [InlineData(typeof(DDoSSeen), "d_do_s_seen")]
        public void A_class_name_is_stored_as_Marten_would(Type type, string expected) =>
            Assert.Equal(expected, EventCatalog.NameOf(type));

        [Fact]
        public void Sealed_records_of_the_base_are_found_and_nothing_else() => Assert.Equal(
            ["tally_closed", "tally_counted", "tally_opened"],
            EventCatalog.Of(typeof(TallyEvent)).Types.Keys.Order());

        [Theory]
        [InlineData(typeof(NestingEvent), "nested")]
        [InlineData(typeof(TwiceEvent), "both")]
        [InlineData(typeof(EmptyEvent), "no sealed event")]
        [InlineData(typeof(NumberSealedEvent), "neither a text")]
        [InlineData(typeof(DeepSealedEvent), "list of records")]
        public void A_catalog_that_Marten_or_we_could_not_read_is_refused(Type eventBase, string because) =>
            Assert.Contains(because, Assert.Throws<ArgumentException>(() => EventCatalog.Of(eventBase)).Message, StringComparison.Ordinal);
    }

    public sealed record AnomalyDetected;

    public sealed record HTTPRequestReceived;

    public sealed record Order2Placed;

    public sealed record DDoSSeen;

    public abstract record EmptyEvent;

    public abstract record NestingEvent
    {
        public sealed record Inner : NestingEvent;
    }

    public abstract record TwiceEvent;

    public sealed record Doubled : TwiceEvent;

    public abstract record DeepSealedEvent;

    public sealed record DeepSealed(IReadOnlyList<Inside> All) : DeepSealedEvent;

    public sealed record Inside([property: Sealed] string Name);

    public abstract record NumberSealedEvent;

    public sealed record NumberSealed([property: Sealed] int Number) : NumberSealedEvent;
}

namespace Platform.EventStore.Tests.Elsewhere
{
    public sealed record Doubled : TwiceEvent;
}
