using NodaTime;
using NodaTime.TimeZones;

namespace Platform.Detection.Learning;

/// <summary>Hours of the week on a customer's calendar; a public holiday counts as a Sunday.</summary>
/// <param name="zone">Whose calendar; Japanese holidays count in Japan only.</param>
internal sealed class HoursOfWeek(DateTimeZone zone)
{
    /// <summary>Hours of a week.</summary>
    public const int Count = 7 * 24;

    private readonly bool _hasJapaneseHolidays = // "Japan" is a name of the same zone
        TzdbDateTimeZoneSource.Default.CanonicalIdMap.TryGetValue(zone.Id, out var canonical) && canonical == "Asia/Tokyo";

    private long _cachedHour = -1;
    private int _cached;

    /// <summary>IANA name.</summary>
    public string Zone => zone.Id;

    public static HoursOfWeek Japan => new(DateTimeZoneProviders.Tzdb["Asia/Tokyo"]);

    /// <summary>The hours of a zone by its IANA name; null when there is no such zone.</summary>
    public static HoursOfWeek? Find(string zone) =>
        DateTimeZoneProviders.Tzdb.GetZoneOrNull(zone) is { } found ? new HoursOfWeek(found) : null;

    /// <summary>0 (Monday, midnight) to 167 of a second since 1970 (UTC). Not for several threads.</summary>
    public int Of(long second)
    {
        var quarter = second / 900; // zones differ by quarters of an hour
        if (quarter != _cachedHour)
        {
            var local = Instant.FromUnixTimeSeconds(second).InZone(zone);
            var day = _hasJapaneseHolidays && JapaneseHolidays.Is(local.Date) ? IsoDayOfWeek.Sunday : local.DayOfWeek;
            (_cachedHour, _cached) = (quarter, (((int)day - 1) * 24) + local.Hour);
        }

        return _cached;
    }
}
