using System.Globalization;
using Platform.EventStore;
using Platform.Hosting;

namespace Platform.Detection;

/// <summary>Where a page of a list begins, newest first: behind this instant, of equal ones behind this id.</summary>
internal readonly record struct PageStart(DateTimeOffset At, Guid Id)
{
    /// <summary>Behind nothing.</summary>
    public static readonly DateTimeOffset Newest = DateTimeOffset.MaxValue.AddYears(-1);

    /// <summary>Reads what <see cref="Text"/> wrote; null for the first page.</summary>
    /// <remarks>A text that is none refuses the call.</remarks>
    public static PageStart? Read(string cursor)
    {
        if (cursor.Length == 0)
        {
            return null;
        }

        var parts = cursor.Split('_');
        return parts.Length == 2
            && long.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out var ticks)
            && ticks <= DateTimeOffset.MaxValue.Ticks
            && Guid.TryParse(parts[1], out var id)
                ? new PageStart(new DateTimeOffset(ticks, TimeSpan.Zero), id)
                : throw Unknown(cursor).ToRpcException();
    }

    public static string Text(DateTimeOffset at, string id) => string.Create(CultureInfo.InvariantCulture, $"{at.UtcTicks}_{id}");

    private static Rejection Unknown(string cursor) => new(
        RejectionKind.Invalid,
        "page-unknown",
        "There is no such page.",
        $"'{cursor}' is not the `next` of an answer.");
}
