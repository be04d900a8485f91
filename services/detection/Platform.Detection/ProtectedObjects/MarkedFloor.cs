using System.Net;
using System.Text.Json.Serialization;
using Platform.Detection.Learning;

namespace Platform.Detection.ProtectedObjects;

/// <summary>
/// What an anomaly that was none lets pass: as narrow as what was seen, so that nobody who attacks another host, or comes at another hour, finds it open. Of every day
/// of the week, because one mark does not say whether a job comes daily or weekly. It ends by itself when it is not needed any more.
/// </summary>
/// <param name="AnomalyId">That was marked false last for these hours and this target.</param>
/// <param name="Target">What may have it: a host, or all hosts of a prefix; wider levels have it as far as it is theirs. Null: any host of the object.</param>
/// <param name="SeenFrom">When it was seen (UTC).</param>
/// <param name="SeenUntil">The end of that, exclusive.</param>
/// <param name="Since">In force since then (UTC).</param>
/// <param name="Least">What is allowed is never below these.</param>
internal sealed record MarkedFloor(
    Guid AnomalyId, IPNetwork? Target, DateTimeOffset SeenFrom, DateTimeOffset SeenUntil, DateTimeOffset Since, IReadOnlyList<Threshold> Least)
{
    /// <summary>Of one object; so many are looked at for each window of its hosts.</summary>
    public const int Most = 64;

    /// <summary>One that was not needed for so long ends: what comes once a month may come once more.</summary>
    public static readonly TimeSpan EndsAfter = TimeSpan.FromDays(28);

    /// <summary>The hours of the day in which it holds, on the object's calendar.</summary>
    public HoursOfDay Hours(HoursOfWeek calendar) => HoursOfDay.Around(SeenFrom, SeenUntil, calendar);

    /// <summary>What it is for, as a path of the setting says it.</summary>
    public string For(HoursOfWeek calendar) => $"{Hours(calendar)}/{Target?.ToString() ?? "all"}";
}

/// <summary>Hours of every day on an object's calendar.</summary>
/// <param name="From">0 to 23.</param>
/// <param name="Until">1 to 24, exclusive; not above <paramref name="From"/>: of the next day.</param>
internal readonly record struct HoursOfDay(int From, int Until)
{
    private const int OfDay = 24;

    public static readonly HoursOfDay All = new(0, OfDay);

    [JsonIgnore]
    public int Count => Until > From ? Until - From : Until - From + OfDay;

    /// <summary>The hours in which something was seen, and one before and after: a job does not come to the minute, and an hour earlier when summer time begins.</summary>
    public static HoursOfDay Around(DateTimeOffset from, DateTimeOffset until, HoursOfWeek calendar)
    {
        var (first, last) = (from.ToUnixTimeSeconds(), Math.Max(from.ToUnixTimeSeconds(), until.ToUnixTimeSeconds() - 1));
        var (begins, ends) = (calendar.Of(first) % OfDay, calendar.Of(last) % OfDay);
        var hours = (ends - begins + OfDay) % OfDay + 1;
        return last - first >= (OfDay - 3) * 3600 || hours + 2 >= OfDay ? All : new((begins + OfDay - 1) % OfDay, (begins + hours) % OfDay + 1);
    }

    /// <param name="hour">Of the day or of the week.</param>
    public bool Has(int hour) => (hour % OfDay - From + OfDay) % OfDay < Count;

    public override string ToString() => $"{From:00}-{Until:00}";
}
