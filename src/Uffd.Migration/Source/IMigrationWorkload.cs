namespace Uffd.Migration;

/// <summary>Who writes to the memory that is moved, as far as the migration must know it.</summary>
public interface IMigrationWorkload
{
    /// <summary>
    /// Stops it. From the return of this until <see cref="ResumeAsync"/> nobody writes to the memory, on behalf of anybody. Downtime begins here. Where it throws,
    /// <see cref="ResumeAsync"/> is called all the same.
    /// </summary>
    /// <param name="cancellation">Cancelled when the migration is.</param>
    /// <returns>What it needs besides its memory to go on elsewhere: registers, devices, open requests. At most 16 MiB.</returns>
    ValueTask<ReadOnlyMemory<byte>> PauseAsync(CancellationToken cancellation);

    /// <summary>Has it go on here, after the migration failed or was cancelled between the pause and the switch.</summary>
    ValueTask ResumeAsync();

    /// <summary>Slows it down, so that pages are copied faster than it writes them; by default it cannot be.</summary>
    /// <param name="share">The share of the time in which it should not run: 0 for none, less than 1.</param>
    /// <returns>Whether it can be.</returns>
    bool Throttle(double share) => false;
}
