namespace Platform.Benchmarks;

/// <summary>The benchmark ran, and what it counted is wrong: it must not look like a success.</summary>
internal sealed class WrongFiguresException(object figures, string message) : Exception(message)
{
    public object Figures { get; } = figures;
}
