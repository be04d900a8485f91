using System.Globalization;

namespace Platform.Hosting.Tests;

/// <summary>Dates of customers: Asia/Tokyo, whatever the machine says.</summary>
public sealed class JapanCalendarTests
{
    [Theory]
    [Trait("Requirement", "R36")]
    [InlineData("2026-01-31T12:00:00+09:00", "2026-04-01T00:00:00+09:00")]
    [InlineData("2026-01-01T00:00:00+09:00", "2026-04-01T00:00:00+09:00")]
    [InlineData("2026-01-31T23:59:59+09:00", "2026-04-01T00:00:00+09:00")] // still January in Japan
    [InlineData("2026-01-31T15:00:00+00:00", "2026-05-01T00:00:00+09:00")] // already February in Japan, while January in UTC
    [InlineData("2025-12-15T09:00:00+09:00", "2026-03-01T00:00:00+09:00")] // end of February
    [InlineData("2027-12-15T09:00:00+09:00", "2028-03-01T00:00:00+09:00")] // 29 February 2028 is its last day
    [InlineData("2026-11-30T09:00:00+09:00", "2027-02-01T00:00:00+09:00")] // over the year
    public void Data_of_a_contract_ends_with_the_second_month_after_the_month_of_termination(string terminated, string gone) =>
        Assert.Equal(At(gone), JapanCalendar.EndOfMonthAfter(At(terminated), months: 2));

    [Theory]
    [Trait("Requirement", "R33")]
    [InlineData("2026-03-31T00:00:00+09:00", "2026-01-01T00:00:00+09:00")]
    [InlineData("2026-03-31T23:59:59+09:00", "2026-01-01T00:00:00+09:00")]
    [InlineData("2026-03-31T15:00:00+00:00", "2026-01-02T00:00:00+09:00")] // 1 April in Japan
    [InlineData("2028-03-01T12:00:00+09:00", "2027-12-03T00:00:00+09:00")] // a leap day lies between
    public void Ninety_days_include_today_and_begin_at_midnight_in_Japan(string now, string first) =>
        Assert.Equal(At(first), JapanCalendar.StartOfLastDays(At(now), days: 90));

    [Fact]
    public void A_day_begins_at_midnight_in_Japan_which_is_afternoon_in_UTC() =>
        Assert.Equal(At("2026-05-04T15:00:00Z"), JapanCalendar.StartOf(JapanCalendar.DayOf(At("2026-05-04T23:30:00Z"))));

    private static DateTimeOffset At(string text) => DateTimeOffset.Parse(text, CultureInfo.InvariantCulture);
}
