using NodaTime;

namespace Platform.Hosting;

/// <summary>Dates for customers: everything dated is in Asia/Tokyo, whatever the clock of a machine shows.</summary>
public static class JapanCalendar
{
    private static readonly DateTimeZone Tokyo = DateTimeZoneProviders.Tzdb["Asia/Tokyo"];

    /// <summary>Calendar day in Japan of an instant.</summary>
    public static LocalDate DayOf(DateTimeOffset instant) => Instant.FromDateTimeOffset(instant).InZone(Tokyo).Date;

    /// <summary>The instant (UTC) at which a day begins in Japan.</summary>
    public static DateTimeOffset StartOf(LocalDate day) => Tokyo.AtStartOfDay(day).ToInstant().ToDateTimeOffset();

    /// <summary>First instant of a view that reaches back over a number of days including today: midnight, <paramref name="days"/> - 1 days ago.</summary>
    /// <param name="now">Any instant of today.</param>
    /// <param name="days">Days shown, today included; 90 for incident reports (R33, R35).</param>
    public static DateTimeOffset StartOfLastDays(DateTimeOffset now, int days) => StartOf(DayOf(now).PlusDays(1 - days));

    /// <summary>The instant at which the n-th month after the month of an instant is over, exclusive: midnight of the first day after it (R36).</summary>
    /// <param name="instant">For example the termination of a contract.</param>
    /// <param name="months">2 for "the end of the second month after the month of termination".</param>
    public static DateTimeOffset EndOfMonthAfter(DateTimeOffset instant, int months)
    {
        var day = DayOf(instant);
        return StartOf(new LocalDate(day.Year, day.Month, 1).PlusMonths(months + 1));
    }
}
