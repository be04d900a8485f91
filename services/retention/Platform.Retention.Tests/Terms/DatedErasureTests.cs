using System.Globalization;
using Platform.Retention.Terms;

namespace Platform.Retention.Tests.Terms;

public sealed class DatedErasureTests
{
    private static readonly RetentionTerm[] Ddos =
    [
        new("ddos", "incident", "erase", 2),
        new("ddos", "customer", "erase", 2),
        new("ddos", "residual-detection", "keep", null),
        new("ddos", "residual-configuration", "keep", null),
    ];

    [Theory]
    [Trait("Requirement", "R36")]
    [InlineData("2026-01-31T10:00:00+09:00", "2026-04-01T00:00:00+09:00")]
    [InlineData("2026-01-31T23:59:59+09:00", "2026-04-01T00:00:00+09:00")]
    [InlineData("2026-02-01T00:00:00+09:00", "2026-05-01T00:00:00+09:00")]
    [InlineData("2026-01-31T15:00:00+00:00", "2026-05-01T00:00:00+09:00")] // already February in Japan
    [InlineData("2026-12-15T12:00:00+09:00", "2027-03-01T00:00:00+09:00")]
    [InlineData("2027-12-15T12:00:00+09:00", "2028-03-01T00:00:00+09:00")] // after 29 February
    [InlineData("2027-12-31T23:59:59+09:00", "2028-03-01T00:00:00+09:00")]
    public void Data_of_a_contract_dies_at_midnight_in_Japan_after_the_second_month_after_the_month_of_its_end(
        string terminatedAt, string dueAt)
    {
        var erasure = Assert.Single(DatedErasure.Of(Ddos, Instant(terminatedAt)));

        Assert.Equal(Instant(dueAt), erasure.DueAt);
    }

    [Fact]
    [Trait("Requirement", "R14")]
    public void What_is_kept_is_in_no_erasure()
    {
        var erasure = Assert.Single(DatedErasure.Of(Ddos, Instant("2026-01-31T10:00:00+09:00")));

        Assert.Equal(["customer", "incident"], erasure.DataClasses);
    }

    [Fact]
    public void Classes_with_different_terms_die_apart_the_earlier_first()
    {
        RetentionTerm[] terms = [new("other", "incident", "erase", 3), new("other", "customer", "erase", 0)];

        var erasures = DatedErasure.Of(terms, Instant("2026-01-31T10:00:00+09:00"));

        Assert.Equal(
            [("customer", Instant("2026-02-01T00:00:00+09:00")), ("incident", Instant("2026-05-01T00:00:00+09:00"))],
            erasures.Select(erasure => (Assert.Single(erasure.DataClasses), erasure.DueAt)));
    }

    private static DateTimeOffset Instant(string text) => DateTimeOffset.Parse(text, CultureInfo.InvariantCulture);
}
