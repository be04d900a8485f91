using System.Collections.Concurrent;
using NodaTime;

namespace Platform.Detection.Learning;

/// <summary>
/// Public holidays of Japan by computation, from 2020 on, as the law stands: fixed days, Mondays, equinoxes by the usual approximation (right until
/// 2099), the substitute after a Sunday, and the day between two holidays. The moved days of 2020 and 2021 are in.
/// </summary>
internal static class JapaneseHolidays
{
    private static readonly ConcurrentDictionary<int, HashSet<LocalDate>> Years = [];

    public static bool Is(LocalDate day) => Years.GetOrAdd(day.Year, Of).Contains(day);

    private static HashSet<LocalDate> Of(int year)
    {
        HashSet<LocalDate> named =
        [
            new(year, 1, 1),
            Monday(year, 1, 2),
            new(year, 2, 11),
            new(year, 2, 23),
            new(year, 3, Equinox(20.8431, year)),
            new(year, 4, 29),
            new(year, 5, 3),
            new(year, 5, 4),
            new(year, 5, 5),
            year switch { 2020 => new(2020, 7, 23), 2021 => new(2021, 7, 22), _ => Monday(year, 7, 3) },
            year switch { 2020 => new(2020, 8, 10), 2021 => new(2021, 8, 8), _ => new(year, 8, 11) },
            Monday(year, 9, 3),
            new(year, 9, Equinox(23.2488, year)),
            year switch { 2020 => new(2020, 7, 24), 2021 => new(2021, 7, 23), _ => Monday(year, 10, 2) },
            new(year, 11, 3),
            new(year, 11, 23),
        ];
        var between = named.Select(day => day.PlusDays(1)).Where(day => !named.Contains(day) && named.Contains(day.PlusDays(1))).ToArray();
        var all = named.Concat(between.Where(day => day.DayOfWeek is not IsoDayOfWeek.Sunday)).ToHashSet();
        foreach (var sunday in named.Where(day => day.DayOfWeek is IsoDayOfWeek.Sunday))
        {
            var substitute = sunday.PlusDays(1);
            while (all.Contains(substitute))
            {
                substitute = substitute.PlusDays(1);
            }

            all.Add(substitute);
        }

        return all;
    }

    private static LocalDate Monday(int year, int month, int number)
    {
        var first = new LocalDate(year, month, 1);
        return first.With(DateAdjusters.NextOrSame(IsoDayOfWeek.Monday)).PlusWeeks(number - 1);
    }

    private static int Equinox(double in1980, int year) =>
        (int)Math.Floor(in1980 + (0.242194 * (year - 1980)) - Math.Floor((year - 1980) / 4.0));
}
