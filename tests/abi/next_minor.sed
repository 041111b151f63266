# Makes the header of the next minor version: one field more at the end of every struct of the boundary.
s/^#define ETL_ABI_MINOR .*/#define ETL_ABI_MINOR 1/
/^struct etl_[a-z_]* {$/,/^};$/{
s/^};$/    uint64_t next;\
};/
}
