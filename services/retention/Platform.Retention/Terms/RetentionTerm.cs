using Platform.Hosting;

namespace Platform.Retention.Terms;

/// <summary>What happens to one class of data after the end of a contract.</summary>
/// <param name="Service">Service that was ordered, for example <c>ddos</c>.</param>
/// <param name="DataClass">For example <c>incident</c>.</param>
/// <param name="Action"><c>erase</c> or <c>keep</c>.</param>
/// <param name="MonthsAfterTermination">
/// Whole months of the calendar of Japan after the month of termination; null when it is kept.
/// </param>
internal sealed record RetentionTerm(string Service, string DataClass, string Action, int? MonthsAfterTermination);

/// <summary>Classes of one contract that die at the same instant.</summary>
/// <param name="MonthsAfterTermination">The term that they share.</param>
/// <param name="DataClasses">The classes, in the order of their names.</param>
/// <param name="DueAt">From this instant on nothing of it may be readable (UTC).</param>
internal sealed record DatedErasure(int MonthsAfterTermination, IReadOnlyList<string> DataClasses, DateTimeOffset DueAt)
{
    /// <summary>What the terms mean for a contract that ended at this instant; what is kept is not in it.</summary>
    public static IReadOnlyList<DatedErasure> Of(IEnumerable<RetentionTerm> terms, DateTimeOffset terminatedAt) =>
    [
        .. from term in terms
           where term.Action == "erase"
           group term.DataClass by term.MonthsAfterTermination ?? 0 into classes
           orderby classes.Key
           select new DatedErasure(
               classes.Key, [.. classes.Order(StringComparer.Ordinal)], JapanCalendar.EndOfMonthAfter(terminatedAt, classes.Key)),
    ];
}
